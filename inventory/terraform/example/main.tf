# The nodes of the eco2 platform. terraform_data stands in for EC2, so that nothing is downloaded and nothing is made:
# README.md beside the module has the EC2 resources.
terraform {
  required_version = ">= 1.4"
}

locals {
  # 46 vCPU: 2 t3.xlarge, 2 t3.large, 6 t3.medium, 11 t3.small.
  instance_types = {
    k8s-master          = "t3.xlarge"
    k8s-worker-ai       = "t3.xlarge"
    k8s-rabbitmq        = "t3.large"
    k8s-monitoring      = "t3.large"
    k8s-api-scan        = "t3.medium"
    k8s-api-chat        = "t3.medium"
    k8s-ingress-gateway = "t3.medium"
    k8s-logging         = "t3.medium"
    k8s-postgresql      = "t3.medium"
    k8s-worker-storage  = "t3.medium"
    k8s-api-auth        = "t3.small"
    k8s-api-character   = "t3.small"
    k8s-api-image       = "t3.small"
    k8s-api-location    = "t3.small"
    k8s-api-my          = "t3.small"
    k8s-event-router    = "t3.small"
    k8s-redis-auth      = "t3.small"
    k8s-redis-cache     = "t3.small"
    k8s-redis-pubsub    = "t3.small"
    k8s-redis-streams   = "t3.small"
    k8s-sse-gateway     = "t3.small"
  }
  names = sort(keys(local.instance_types))
  # TEST-NET-1: nobody's, until addresses are given.
  addresses = merge({ for index, name in local.names : name => "192.0.2.${10 + index}" }, var.addresses)
  chosen    = length(var.nodes) == 0 ? local.names : var.nodes
}

resource "terraform_data" "node" {
  for_each = toset(local.chosen)
  input = {
    address       = lookup(local.addresses, each.key, null)
    instance_type = lookup(local.instance_types, each.key, null)
  }

  lifecycle {
    precondition {
      condition     = contains(local.names, each.key)
      error_message = "${each.key} is none of the platform's nodes: ${join(", ", local.names)}."
    }
  }
}

module "inventory" {
  source = "../"

  kubelet_profiles = local.kubelet_profiles
  instances = {
    for name, node in terraform_data.node : name => {
      ansible_host  = node.output.address
      node_ip       = node.output.address
      instance_type = node.output.instance_type
      control_plane = name == "k8s-master"
      groups        = [for group, members in local.groups : group if contains(members, name)]
    }
  }
  variables = merge({
    ansible_user           = "ubuntu"
    ansible_ssh_pipelining = "true"
    kube_version           = "1.28.4"
    kube_endpoint          = "${local.addresses["k8s-master"]}:6443"
    # Where the administrator's kubeconfig is, on the machine that Ansible runs on. An extra variable takes precedence.
    kube_kubeconfig = "~/.kube/eco2.conf"
  }, var.variables)
}
