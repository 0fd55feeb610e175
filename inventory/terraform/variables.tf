variable "instances" {
  description = <<-TEXT
    The machines, by the name of their node. ansible_host is the address for ssh. node_ip is the address that the kubelet reports (by default
    the kubelet chooses it). Each machine is in the group of its name (k8s-event-router in event_router), in control_plane or workers, and in
    the groups in groups. variables are more variables of the host.
  TEXT
  # Not an object type: Terraform drops attributes that such a type does not have, so a mistyped one would have no effect.
  # The lists are written out, because Terraform before 1.9 knows no locals in a validation.
  type = any

  validation {
    condition     = alltrue([for name, instance in var.instances : can(keys(instance)) && try(length(tostring(instance.ansible_host)) > 0, false)])
    error_message = "instances: ${join(", ", [for name, instance in var.instances : name if !try(length(tostring(instance.ansible_host)) > 0, false)])}: an instance is a map with an ansible_host, the address for ssh, such as { ansible_host = \"10.0.1.17\" }."
  }
  validation {
    condition = alltrue(flatten([
      for instance in values(var.instances) : [
        for key in try(keys(instance), []) : contains(["ansible_host", "node_ip", "control_plane", "groups", "provider_id", "zone", "region", "instance_type", "variables"], key)
      ]
    ]))
    error_message = "instances: ${join("; ", flatten([
      for name, instance in var.instances : [
        for key in try(keys(instance), []) : "${name} has no attribute ${key}" if !contains(["ansible_host", "node_ip", "control_plane", "groups", "provider_id", "zone", "region", "instance_type", "variables"], key)
      ]
    ]))}. An instance has ansible_host, node_ip, control_plane, groups, provider_id, zone, region, instance_type and variables."
  }
  validation {
    condition = alltrue(flatten([
      for instance in values(var.instances) : [
        alltrue([for key in ["ansible_host", "node_ip", "provider_id", "zone", "region", "instance_type"] : can(tostring(try(instance[key], null)))]),
        can(tobool(try(instance.control_plane, null))),
        try(instance.groups, null) == null || can([for group in instance.groups : tostring(group)]),
        try(instance.variables, null) == null || can({ for name, value in instance.variables : name => tostring(value) }),
      ]
    ]))
    error_message = "instances: an attribute has a value of another type: control_plane is true or false, groups is a list of texts, variables is a map of texts, and all others are texts."
  }
  validation {
    condition     = alltrue([for name in keys(var.instances) : can(regex("^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$", name))])
    error_message = "instances: ${join(", ", [for name in keys(var.instances) : name if !can(regex("^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$", name))])}: a node's name has lower-case letters, digits and '-' only, begins and ends with a letter or digit, and has 63 characters at most. For k8s-a.example.org write k8s-a, and put the address or the whole name into ansible_host. If the Node must have the whole name, set kube_node_name in the instance's variables."
  }
  validation {
    condition = alltrue(flatten([
      for instance in values(var.instances) : [for group in try([for group in instance.groups : tostring(group)], []) : can(regex("^[a-z][a-z0-9_]*$", group))]
    ]))
    error_message = "A group's name has lower-case letters, digits and '_' only, and begins with a letter."
  }
  validation {
    condition = alltrue(flatten([
      for instance in values(var.instances) : [for name in try(keys(instance.variables), []) : can(regex("^[A-Za-z_][A-Za-z0-9_]*$", name))]
    ]))
    error_message = "A variable's name has letters, digits and '_' only, and doesn't begin with a digit."
  }
}

variable "kubelet_profiles" {
  description = <<-TEXT
    The profile of each node, by its name: the kubelet's flags as one string, or {labels, taints, kubelet_extra_args}, or "". Each instance
    must have one, so that a mistyped name is found. Profiles without an instance are ignored.
  TEXT
  type        = any
  default     = {}

  validation {
    condition = alltrue(flatten([
      for profile in values(var.kubelet_profiles) : [
        for key in try(keys(profile), []) : contains(["labels", "node_labels", "taints", "node_taints", "kubelet_extra_args"], key)
      ]
    ]))
    error_message = "kubelet_profiles: a profile is the kubelet's flags as one string, or a map with labels, taints and kubelet_extra_args only."
  }
}

variable "variables" {
  description = "Variables of all hosts, such as kube_version and kube_endpoint."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.variables) : can(regex("^[A-Za-z_][A-Za-z0-9_]*$", name))])
    error_message = "A variable's name has letters, digits and '_' only, and doesn't begin with a digit."
  }
}

variable "name_prefix" {
  description = "The prefix of node names that group names leave out."
  type        = string
  default     = "k8s-"
}
