output "ansible_inventory" {
  description = "terraform output -raw ansible_inventory > inventory/hosts.ini"
  value       = module.inventory.ansible_inventory
}

output "inventory" {
  description = "terraform output -json inventory > inventory/hosts.json"
  value       = module.inventory.inventory
}
