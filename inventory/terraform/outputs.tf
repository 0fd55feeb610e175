output "ansible_inventory" {
  description = "The inventory: terraform output -raw ansible_inventory > inventory/hosts.ini"
  value = templatefile("${path.module}/templates/hosts.ini.tftpl", {
    lines     = local.host_lines
    members   = [for group in local.groups : { group = group, names = [for name in sort(keys(var.instances)) : name if contains(local.groups_of[name], group)] }]
    variables = { for name, value in var.variables : name => local.literals[value] }
  })

  precondition {
    condition     = alltrue([for name in keys(var.instances) : contains(keys(var.kubelet_profiles), name)])
    error_message = "No profile for ${join(", ", setsubtract(keys(var.instances), keys(var.kubelet_profiles)))}: give each instance one in kubelet_profiles, or \"\"."
  }
  precondition {
    condition     = !anytrue([for value in keys(local.literals) : strcontains(value, "{{") || strcontains(value, "{%") || strcontains(value, "{#")])
    error_message = "A value contains {{, {% or {#, which Ansible would take for a template: remove it."
  }
  precondition {
    condition     = length(setintersection(keys(var.instances), local.groups)) == 0
    error_message = "${join(", ", setintersection(keys(var.instances), local.groups))} would name a node and a group, which Ansible confuses: give the nodes a prefix, and set name_prefix to it."
  }
}

output "inventory" {
  description = "The same inventory as data, in the form of Ansible's yaml plugin: terraform output -json inventory > inventory/hosts.json"
  value = {
    all = {
      hosts    = local.host_variables
      vars     = var.variables
      children = { for group in local.groups : group => { hosts = { for name in keys(var.instances) : name => {} if contains(local.groups_of[name], group) } } }
    }
  }
}
