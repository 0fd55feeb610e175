# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The facts of an EC2 instance from its metadata service (IMDSv2). Private to this collection.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
"""

from __future__ import annotations

import json
import typing as t
import urllib.error
import urllib.request

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import in_words
from ansible_collections.eco2.platform.plugins.module_utils._engine.wait import Deadline

ADDRESS = "http://169.254.169.254"


def ec2(address: str, seconds: float) -> dict[str, t.Any]:
    """provider_id, zone, region, instance_type, private_ip; `problem` alone where the service does not answer in time."""
    deadline = Deadline(seconds)

    def ask(method: str, path: str, header: tuple[str, str]) -> bytes:
        request = urllib.request.Request(address + path, method=method, headers=dict([header]))
        # Never through a proxy: the address is link-local.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=max(deadline.left(), 0.1)) as answer:
            return t.cast(bytes, answer.read(65536))

    try:
        token = ask("PUT", "/latest/api/token", ("X-aws-ec2-metadata-token-ttl-seconds", "60")).decode("ascii")
        document = ask("GET", "/latest/dynamic/instance-identity/document", ("X-aws-ec2-metadata-token", token))
        return _cloud(json.loads(document))
    except (OSError, ValueError, KeyError, TypeError) as error:
        cause = getattr(error, "reason", error)
        said = in_words(cause) if isinstance(cause, Exception) else str(cause)
        reason = f"status {error.code}" if isinstance(error, urllib.error.HTTPError) else said
        return {"problem": f"the metadata service of EC2 at {address} did not answer within {seconds:g} s: {reason}"}


def _cloud(document: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    zone = document["availabilityZone"]
    return {
        # In the form of the AWS cloud provider.
        "provider_id": f"aws:///{zone}/{document['instanceId']}",
        "zone": zone,
        "region": document["region"],
        "instance_type": document["instanceType"],
        "private_ip": document.get("privateIp"),
        "problem": None,
    }
