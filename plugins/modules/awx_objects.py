# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin awx_objects."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: awx_objects
short_description: Bring AWX to the objects that are declared
version_added: 1.0.0
author:
  - The eco2.platform authors (@eco2-platform)
description:
  - Creates and updates organizations, teams, credential types, credentials, execution environments, projects, inventories, job templates,
    workflows, schedules, notifications and roles in AWX. It runs the modules of the collection awx.awx on the controller, each object after
    those that it names.
  - Everything is checked before the first change. Options that a module does not have, playbooks that the project does not have, questions
    that a survey cannot ask, inputs that a credential type does not have, names that AWX does not know, and secrets outside of credentials
    are refused, all at once.
  - An object that fails stops the objects that name it, and nothing else.
  - Objects that are not declared are left alone. Declare C(state=absent) for an object that must be deleted.
notes:
  - The address of AWX and the credentials come from the environment, as in AWX's own credential type C(Red Hat Ansible Automation
    Platform). These are E(CONTROLLER_HOST), and E(CONTROLLER_OAUTH_TOKEN) or E(CONTROLLER_USERNAME) and E(CONTROLLER_PASSWORD), and
    E(CONTROLLER_VERIFY_SSL).
  - AWX never shows a secret, so a secret that has changed cannot be found by comparing. See O(update_credentials).
    A notification template with a password is written again in each run.
requirements:
  - the collection awx.awx 24.6.1
extends_documentation_fragment:
  - eco2.platform.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
    details: Except with O(update_credentials), which writes credentials again.
options:
  directory:
    description:
      - The directory with the files that declare the objects, as YAML with the extension C(yml) or C(yaml). Files that ansible-vault has
        encrypted are decrypted.
      - The names of the variables are those that the collection infra.aap_configuration uses. Each is a list of dictionaries with the
        options of a module of awx.awx. C(controller_instance_groups) has those of M(awx.awx.instance_group), C(aap_organizations) of
        M(awx.awx.organization), C(aap_teams) of M(awx.awx.team), C(controller_credential_types) of M(awx.awx.credential_type),
        C(controller_credentials) of M(awx.awx.credential), C(controller_execution_environments) of M(awx.awx.execution_environment),
        C(controller_notifications) of M(awx.awx.notification_template), C(controller_projects) of M(awx.awx.project),
        C(controller_inventories) of M(awx.awx.inventory), C(controller_inventory_sources) of M(awx.awx.inventory_source),
        C(controller_templates) of M(awx.awx.job_template), C(controller_workflows) of M(awx.awx.workflow_job_template),
        C(controller_schedules) of M(awx.awx.schedule), C(controller_roles) of M(awx.awx.role).
      - A workflow has its nodes in C(simplified_workflow_nodes), each with the options of M(awx.awx.workflow_job_template_node).
      - Other variables in these files, and those of the play, can be used in them.
    type: path
    required: true
  project_directory:
    description:
      - A copy of the project on the controller. A job template with a playbook that is not in it is refused.
      - If it is not set, AWX alone judges the playbooks.
    type: path
  project_timeout:
    description:
      - Seconds to wait until AWX has fetched a project. It is fetched if it is new or changed, or if AWX does not have a playbook of one of
        its job templates.
    type: int
    default: 300
  update_credentials:
    description:
      - The names of the credentials whose secrets are written again, or V(all). Each of them is then reported as changed.
      - A credential that is declared without a secret that its type requires keeps the inputs that AWX has. It is refused if AWX has no
        such credential.
    type: list
    elements: str
    default: []
  predicted:
    description: Whether this is check mode. Objects that name one which would be created are then predicted without asking AWX.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Bring AWX to the declaration
  eco2.platform.awx_objects:
    directory: configuration
    project_directory: .
    predicted: "{{ ansible_check_mode }}"
"""

RETURN = r"""
changes:
  description: What was changed, or what would be changed in check mode. After a failure, only what was done.
  returned: always
  type: list
  elements: dict
  contains:
    kind:
      description: The kind of the object.
      type: str
      sample: job template
    object:
      description: Its name. A node of a workflow is named WORKFLOW/IDENTIFIER.
      type: str
      sample: site
    action:
      description: V(create), V(update), V(delete), or V(fetch) for a project whose playbooks AWX did not have.
      type: str
      sample: create
unchanged:
  description: How many objects are as declared.
  returned: always
  type: int
failures:
  description: The objects that failed, each with AWX's answer in C(message).
  returned: after a failure
  type: list
  elements: dict
not_attempted:
  description: The objects that name one that failed.
  returned: after a failure
  type: list
  elements: dict
problems:
  description: Why the task was refused before the first change.
  returned: if it was refused
  type: list
  elements: dict
"""
