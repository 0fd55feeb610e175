terraform {
  required_version = ">= 1.4"
}

locals {
  instances = {
    for name, instance in var.instances : name => {
      ansible_host  = tostring(instance.ansible_host)
      node_ip       = try(tostring(instance.node_ip), null)
      control_plane = try(tobool(instance.control_plane), null) == true
      groups        = try([for group in instance.groups : tostring(group)], [])
      provider_id   = try(tostring(instance.provider_id), null)
      zone          = try(tostring(instance.zone), null)
      region        = try(tostring(instance.region), null)
      instance_type = try(tostring(instance.instance_type), null)
      variables     = try({ for variable, value in instance.variables : variable => tostring(value) }, {})
    }
  }

  profiles = {
    for name in keys(local.instances) : name => try(
      tostring(var.kubelet_profiles[name]),
      jsonencode(var.kubelet_profiles[name]),
      null,
    )
  }

  host_variables = {
    for name, instance in local.instances : name => {
      for variable, value in merge({
        ansible_host       = instance.ansible_host
        kube_node_ip       = instance.node_ip
        kube_provider_id   = instance.provider_id
        kube_zone          = instance.zone
        kube_region        = instance.region
        kube_instance_type = instance.instance_type
        kube_profile       = local.profiles[name]
      }, instance.variables) : variable => value if value != null
    }
  }

  # Ansible reads each value of an INI inventory as a Python literal if it can: 1.30 as 1.3, and "1.30" on a host's line as well.
  # So each value is written as a string literal, except for words that can only be read as text. On a host's line it is in single quotes,
  # which a shell-like split removes first. The only line break that jsonencode does not escape is U+0085.
  word = "^([a-z/~][a-z0-9._/@:-]*|[0-9]+[.][0-9]+[.][0-9]+[.][0-9]+)$"
  literals = {
    for value in distinct(flatten([values(var.variables), [for variables in local.host_variables : values(variables)]])) :
    value => can(regex(local.word, value)) ? value : replace(replace(jsonencode(value), "\u0085", "\\u0085"), "'", "\\u0027")
  }

  host_lines = [
    for name in sort(keys(local.instances)) : join(" ", concat([name], [
      for variable, value in local.host_variables[name] :
      "${variable}=${local.literals[value] == value ? value : "'${local.literals[value]}'"}"
    ]))
  ]

  groups_of = {
    for name, instance in local.instances : name => distinct(concat(
      [replace(trimprefix(name, var.name_prefix), "-", "_"), instance.control_plane ? "control_plane" : "workers"],
      instance.groups,
    ))
  }
  groups = distinct(concat(["control_plane", "workers"], sort(distinct(flatten(values(local.groups_of))))))
}
