"""What lets somebody in, or stands for somebody: tokens, hashes, UUIDs."""

from __future__ import annotations

import re

from anonymizer.column import Kind
from anonymizer.markup import mask
from anonymizer.suggest.detector import TEXTS, Detector

_UUID = re.compile(r"\{?[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}\}?", re.IGNORECASE)
_HASHED = re.compile(r"\$[\w-]+\$.{10,}|\w+(:\w+)?\$.+\$.{16,}|\{\w+\}\S{16,}")
_HEX = re.compile(r"(?=.*[a-f])(?=.*\d)([0-9a-f]{2}){8,64}", re.IGNORECASE)
_TOKEN = re.compile(r"(?=.*\d)(?=.*[A-Za-z])[A-Za-z0-9_\-+/=.]{20,}")


def _is_uuid(value: str) -> bool:
    return "-" in value and _UUID.fullmatch(value) is not None


def _is_hash(value: str) -> bool:
    return _HASHED.fullmatch(value) is not None


def _is_hex(value: str) -> bool:
    return _HEX.fullmatch(value) is not None


def _is_token(value: str) -> bool:
    return _TOKEN.fullmatch(value) is not None and not _UUID.fullmatch(value)


_PASSWORDS = (
    "password,passwd,pwd,pass,password hash,passphrase,pin,pin code,passwort,kennwort,mot passe,"
    "mot de passe,mdp,contrasena,clave,senha,parola chiave,salt,otp secret"
)
_TOKENS = (
    "token,api key,apikey,secret,secret key,access key,access token,refresh token,session key,"
    "session id,session token,cookie,private key,auth key,csrf,nonce,signature,credential,"
    "client secret,schluessel,jeton,cle api,ficha,chave,chiave"
)
_HASHES = "hash,digest,checksum,fingerprint,md5,sha1,sha256,pruefsumme,empreinte"

DETECTORS = (
    Detector(
        what="a password, or the hash of one",
        markup=mask.constant("!"),
        names=_PASSWORDS,
        is_value=_is_hash,
        kinds=TEXTS,
        certain=0.9,
    ),
    Detector(
        what="a UUID",
        markup=mask.uuid(),
        names="uuid,guid",
        kinds=TEXTS | {Kind.UUID},
        is_value=_is_uuid,
        certain=0.8,
    ),
    Detector(
        what="a token",
        markup=mask.token(),
        names=_TOKENS,
        is_value=_is_token,
        certain=0.85,
    ),
    Detector(
        what="a hash in hexadecimal",
        markup=mask.hexadecimal(),
        names=_HASHES,
        is_value=_is_hex,
        certain=0.6,
    ),
)
