locals {
  kubelet_profiles = {
    # These four are the platform's own.
    k8s-master       = "--node-labels=role=control-plane --register-with-taints=role=control-plane:NoSchedule"
    k8s-rabbitmq     = "--node-labels=role=infrastructure,domain=integration,infra-type=rabbitmq --register-with-taints=domain=integration:NoSchedule"
    k8s-event-router = "--node-labels=role=event-router,domain=event-router,service=event-router,workload=event-router,tier=integration,phase=5 --register-with-taints=domain=event-router:NoSchedule"
    k8s-redis-pubsub = "--node-labels=role=infrastructure,domain=data,infra-type=redis-pubsub,redis-cluster=pubsub,workload=cache,tier=data,phase=1 --register-with-taints=domain=data:NoSchedule"

    # The others are written in their style.
    k8s-redis-auth    = "--node-labels=role=infrastructure,domain=data,infra-type=redis-auth,redis-cluster=auth,workload=cache,tier=data,phase=1 --register-with-taints=domain=data:NoSchedule"
    k8s-redis-cache   = "--node-labels=role=infrastructure,domain=data,infra-type=redis-cache,redis-cluster=cache,workload=cache,tier=data,phase=1 --register-with-taints=domain=data:NoSchedule"
    k8s-redis-streams = "--node-labels=role=infrastructure,domain=data,infra-type=redis-streams,redis-cluster=streams,workload=cache,tier=data,phase=1 --register-with-taints=domain=data:NoSchedule"
    k8s-postgresql    = "--node-labels=role=infrastructure,domain=data,infra-type=postgresql,workload=database,tier=data,phase=1 --register-with-taints=domain=data:NoSchedule"

    k8s-api-auth      = "--node-labels=role=api,domain=auth,service=auth,workload=api,tier=api,phase=1 --register-with-taints=domain=auth:NoSchedule"
    k8s-api-my        = "--node-labels=role=api,domain=my,service=my,workload=api,tier=api,phase=1 --register-with-taints=domain=my:NoSchedule"
    k8s-api-scan      = "--node-labels=role=api,domain=scan,service=scan,workload=api,tier=api,phase=2 --register-with-taints=domain=scan:NoSchedule"
    k8s-api-character = "--node-labels=role=api,domain=character,service=character,workload=api,tier=api,phase=2 --register-with-taints=domain=character:NoSchedule"
    k8s-api-location  = "--node-labels=role=api,domain=location,service=location,workload=api,tier=api,phase=2 --register-with-taints=domain=location:NoSchedule"
    k8s-api-image     = "--node-labels=role=api,domain=image,service=image,workload=api,tier=api,phase=3 --register-with-taints=domain=image:NoSchedule"
    k8s-api-chat      = "--node-labels=role=api,domain=chat,service=chat,workload=api,tier=api,phase=3 --register-with-taints=domain=chat:NoSchedule"

    k8s-worker-ai      = "--node-labels=role=worker,domain=worker-ai,service=worker-ai,workload=worker-ai,tier=worker,phase=4 --register-with-taints=domain=worker-ai:NoSchedule"
    k8s-worker-storage = "--node-labels=role=worker,domain=worker-storage,service=worker-storage,workload=worker-storage,tier=worker,phase=4 --register-with-taints=domain=worker-storage:NoSchedule"

    k8s-ingress-gateway = "--node-labels=role=ingress-gateway,domain=gateway,service=ingress-gateway,workload=gateway,tier=gateway,phase=1 --register-with-taints=domain=gateway:NoSchedule"
    k8s-sse-gateway     = "--node-labels=role=sse-gateway,domain=sse,service=sse-gateway,workload=sse-gateway,tier=integration,phase=5 --register-with-taints=domain=sse:NoSchedule"
    k8s-logging         = "--node-labels=role=infrastructure,domain=observability,infra-type=logging,workload=logging,tier=observability,phase=4 --register-with-taints=domain=observability:NoSchedule"
    k8s-monitoring      = "--node-labels=role=infrastructure,domain=observability,infra-type=monitoring,workload=monitoring,tier=observability,phase=4 --register-with-taints=domain=observability:NoSchedule"
  }

  # Groups of several nodes; each node also has a group of its own.
  groups = {
    api   = [for name in local.names : name if startswith(name, "k8s-api-")]
    redis = [for name in local.names : name if startswith(name, "k8s-redis-")]
  }
}
