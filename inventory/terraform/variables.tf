variable "instances" {
  description = <<-TEXT
    The machines, by the name of their node. ansible_host is the address for ssh. node_ip is the address that the kubelet reports (by default
    the kubelet chooses it). Each machine is in the group of its name (k8s-event-router in event_router), in control_plane or workers, and in
    the groups in groups. variables are more variables of the host.
  TEXT
  type = map(object({
    ansible_host  = string
    node_ip       = optional(string)
    control_plane = optional(bool, false)
    groups        = optional(list(string), [])
    provider_id   = optional(string)
    zone          = optional(string)
    region        = optional(string)
    instance_type = optional(string)
    variables     = optional(map(string), {})
  }))

  validation {
    condition     = alltrue([for name in keys(var.instances) : can(regex("^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$", name))])
    error_message = "A node's name has lower-case letters, digits and '-' only, begins and ends with a letter or digit, and has 63 characters at most."
  }
  validation {
    condition = alltrue(flatten([
      for instance in values(var.instances) : [for group in instance.groups : can(regex("^[a-z][a-z0-9_]*$", group))]
    ]))
    error_message = "A group's name has lower-case letters, digits and '_' only, and begins with a letter."
  }
  validation {
    condition = alltrue(flatten([
      for instance in values(var.instances) : [for name in keys(instance.variables) : can(regex("^[A-Za-z_][A-Za-z0-9_]*$", name))]
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
