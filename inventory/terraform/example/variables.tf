variable "nodes" {
  description = "The nodes to render, by name; all of them where it is empty."
  type        = list(string)
  default     = []
}

variable "addresses" {
  description = "Where each node is, by its name."
  type        = map(string)
  default     = {}
}

variable "variables" {
  description = "Variables of all hosts, besides and instead of the platform's: ansible_user, ansible_ssh_private_key_file and others."
  type        = map(string)
  default     = {}
}
