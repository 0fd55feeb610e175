variable "instances" {
  description = <<-TEXT
    The machines, by the name that their node has. ansible_host is where ssh reaches the machine, node_ip the address that its kubelet
    announces (the kubelet's own choice where it is left out). Each is in the group of its name (k8s-event-router in event_router), in control_plane or
    workers, and in its own groups. variables are further variables of the host.
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
    What each node shall be, by its name: the kubelet's flags as one string, or {labels, taints, kubelet_extra_args}; "" where there is
    nothing to say. Each instance has one, so that a mistyped name is noticed. Profiles of machines that are not there yet do no harm.
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
  description = "What the names of groups leave out of the names of nodes."
  type        = string
  default     = "k8s-"
}
