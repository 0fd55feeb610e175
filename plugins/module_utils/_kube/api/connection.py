# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to an API server: its address, TLS and identity, resolved by the kubernetes client. Private to this collection."""

from __future__ import annotations

import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused
from ansible_collections.eco2.platform.plugins.module_utils._kube.api import errors, kubeconfig
from ansible_collections.eco2.platform.plugins.module_utils._kube.api.library import kubernetes, urllib3
from ansible_collections.eco2.platform.plugins.module_utils._net import tls

# Requests side by side, each over a connection of its own. More do not make an API server faster.
WORKERS = 16

Params = t.Mapping[str, t.Any]


def pool(settings: t.Any, tls_server_name: str | None) -> t.Any:
    """The kubernetes client's own urllib3 pool of kept-alive connections; raises Refused."""
    try:
        manager = kubernetes.client.ApiClient(configuration=settings).rest_client.pool_manager
    except (OSError, ValueError, urllib3.exceptions.HTTPError) as error:
        problem = Problem("connection.unusable", f"host or proxy cannot be used ({errors.one_line(error)})", remedy="correct the address")
        raise Refused([problem]) from error
    options = manager.connection_pool_kw
    if settings.host.startswith("https://"):
        _share_context(options)
    server_name = tls_server_name or getattr(settings, "tls_server_name", None)
    if server_name:
        options["server_hostname"] = server_name
    return manager


def _share_context(options: dict[str, t.Any]) -> None:
    """One TLS context for all connections of a pool; urllib3 would read the certificates again for each."""
    context = urllib3.util.ssl_.create_urllib3_context(cert_reqs=options.get("cert_reqs"))
    ca_file, ca_data = options.pop("ca_certs", None), options.pop("ca_cert_data", None)
    certificate, key = options.pop("cert_file", None), options.pop("key_file", None)
    what = "the certificate authorities cannot be used"
    try:
        if ca_file or ca_data:
            context.load_verify_locations(cafile=ca_file, cadata=ca_data)
        else:
            context.load_default_certs()
        what = "client certificate and key cannot be used, or do not belong together"
        if certificate:
            context.load_cert_chain(certificate, key)
    except (OSError, ValueError) as error:  # an SSLError is an OSError
        remedy = "check the kubeconfig, or ca_cert, client_cert and client_key"
        raise Refused([Problem("connection.certificates", f"{what} ({errors.one_line(error)})", remedy=remedy)]) from error
    options["ssl_context"] = context


def configuration(params: Params) -> t.Any:
    """The kubernetes client's Configuration for a module's arguments; raises Refused.

    Explicit arguments win over the kubeconfig. Without any, the pod's own credentials are used, or else the default kubeconfig.
    """
    identity = params["api_key"] or (params["username"] and params["password"]) or (params["client_cert"] and params["client_key"])
    complete = bool(params["host"] and identity)  # no kubeconfig is needed
    problems = list(_problems(params))
    if params["kubeconfig"] and not complete:
        problems += kubeconfig.problems(params["kubeconfig"], params["context"])
    if problems:
        raise Refused(problems)
    settings = kubernetes.client.Configuration()
    if not complete:
        _load(settings, params)
    names = {"host": "host", "validate_certs": "verify_ssl", "ca_cert": "ssl_ca_cert", "proxy": "proxy", "no_proxy": "no_proxy"}
    for name, attribute in names.items():
        if params[name] is not None:
            setattr(settings, attribute, params[name])
    if params["api_key"] or params["username"] or params["client_cert"]:
        # The client would prefer a client certificate of the kubeconfig to a token, and say nothing.
        settings.cert_file, settings.key_file = params["client_cert"], params["client_key"]
        settings.api_key, settings.refresh_api_key_hook = {}, None
        if params["api_key"]:
            # The name of the setting has changed between releases of the client.
            settings.api_key = dict.fromkeys(("authorization", "BearerToken"), f"Bearer {params['api_key']}")
    headers = {name: value for name, value in (params["proxy_headers"] or {}).items() if value}
    if headers:
        settings.proxy_headers = urllib3.util.make_headers(**headers)
    settings.connection_pool_maxsize = WORKERS
    settings.host = str(settings.host).rstrip("/")
    if not settings.host.startswith(("http://", "https://")):
        message = f"{settings.host!r} is not the address of an API server"
        raise Refused([Problem("connection.address", message, field="host", remedy="write it as https://host:6443")])
    return settings


def _problems(params: Params) -> t.Iterator[Problem]:
    if len(params["impersonate_groups"] or []) > 1 and str(getattr(urllib3, "__version__", "")).startswith("1."):
        # urllib3 1.x joins repeated headers of a request with a body into one.
        remedy = "install urllib3 2 on the host that runs this task"
        yield Problem("connection.groups", "several groups cannot be sent with urllib3 1", field="impersonate_groups", remedy=remedy)
    if "@" in (params["host"] or ""):
        remedy = "give them as username and password, which are hidden in all output"
        yield Problem("connection.password_in_address", "contains a username or password", field="host", remedy=remedy)
    for option, other in (("username", "password"), ("password", "username"), ("impersonate_groups", "impersonate_user")):
        if params[option] and not params[other]:
            yield Problem("connection.incomplete", f"has no effect without {other}", field=option, remedy=f"set {other} too")
    yield from tls.problems(params)


def _load(settings: t.Any, params: Params) -> None:
    """Fill the settings from the kubeconfig, or from the pod or the default kubeconfig where none is given."""
    where = {"context": params["context"], "client_configuration": settings, "persist_config": bool(params["persist_config"])}
    given = params["kubeconfig"]
    try:
        if isinstance(given, dict):
            kubernetes.config.load_kube_config_from_dict(given, **where)
        elif given or not _load_from_pod(settings, params):
            kubernetes.config.load_kube_config(given or _default(params["context"]), **where)
    except (kubernetes.config.ConfigException, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        # What follows a brace may be a part of the file, and a secret.
        said = errors.one_line(error).partition("{")[0].strip() or error.__class__.__name__
        message = f"{given if isinstance(given, str) else 'content'} cannot be used ({said})"
        raise Refused([Problem("kubeconfig.unusable", message, field="kubeconfig", remedy="try it with kubectl")]) from error


def _load_from_pod(settings: t.Any, params: Params) -> bool:
    """Whether this runs in a pod, whose service account is then used."""
    try:
        if not params["context"]:
            kubernetes.config.load_incluster_config(client_configuration=settings)
            return True
    except kubernetes.config.ConfigException:
        pass
    return False


def _default(context: str | None) -> str:
    """The path of the default kubeconfig; raises Refused where that cannot be used."""
    path = str(kubernetes.config.KUBE_CONFIG_DEFAULT_LOCATION)
    for problem in kubeconfig.problems(path, context):
        message = f"no connection is given, and the default {problem}"
        raise Refused([Problem("connection.none", message, remedy="set kubeconfig (K8S_AUTH_KUBECONFIG), or host and api_key")])
    return path
