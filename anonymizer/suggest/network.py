"""What says which machine somebody uses, and where on the net."""

from __future__ import annotations

import re
from ipaddress import ip_interface

from anonymizer.markup import mask
from anonymizer.suggest.detector import Detector

_MAC = re.compile(
    r"[0-9a-f]{2}([:-][0-9a-f]{2}){5}([:-][0-9a-f]{2}){0,2}|([0-9a-f]{4}\.){2}[0-9a-f]{4}", re.I
)
_URL = re.compile(r"(?:[a-z][a-z0-9+.-]*://|www\.)\S+", re.IGNORECASE)
_HOST = re.compile(
    r"(?=.*[a-z])[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+\.?", re.I
)


def is_ip(value: str) -> bool:
    """Return whether *value* is an IP address, with or without its network."""
    if "." not in value and ":" not in value:
        return False
    try:
        ip_interface(value)
    except ValueError:
        return False
    return True


def _is_mac(value: str) -> bool:
    return _MAC.fullmatch(value) is not None


def _is_url(value: str) -> bool:
    return _URL.fullmatch(value) is not None


def _is_host(value: str) -> bool:
    return _HOST.fullmatch(value) is not None


DETECTORS = (
    Detector(
        what="an IP address",
        markup=mask.ip(),
        names=(
            "ip,ip address,ip addr,ipv4,ipv6,remote addr,remote address,client ip,"
            "server ip,last login ip,peer address,ip adresse,adresse ip,direccion ip,"
            "indirizzo ip"
        ),
        is_value=is_ip,
        certain=0.85,
    ),
    Detector(
        what="a MAC address",
        markup=mask.mac(),
        names=("mac,mac address,mac addr,hardware address,bssid,mac adresse,adresse mac"),
        is_value=_is_mac,
        certain=0.85,
    ),
    Detector(
        what="a URL",
        markup=mask.url(),
        names=(
            "url,uri,link,website,web site,homepage,home page,webseite,site web,"
            "sitio web,sito web,referer,referrer,avatar,callback url"
        ),
        is_value=_is_url,
    ),
    Detector(
        what="the name of a host",
        markup=mask.host_name(),
        names=(
            "host,host name,fqdn,node name,server name,machine name,dns name,"
            "rechnername,nom hote,domain name"
        ),
        is_value=_is_host,
        alone=False,
    ),
)
