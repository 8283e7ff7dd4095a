"""What says where somebody is: parts of an address, coordinates."""

from __future__ import annotations

import re

from anonymizer.markup import mask
from anonymizer.suggest.detector import NUMBERS, TEXTS, Detector

_STREET = re.compile(
    r"\d+[a-z]?,? .*[^\W\d].*|.*(str(\.|asse|aße)|street|avenue|road|lane|rue|calle|rua|via|weg"
    r"|platz)\b.*\d.*",
    re.IGNORECASE,
)

_STREETS = (
    "street,street address,address,address line,address 1,address 2,address line 1,"
    "address line 2,addr,street name,street 1,street 2,house number,strasse,hausnummer,adresse,"
    "anschrift,strasse nr,rue,adresse postale,voie,calle,direccion,domicilio,rua,endereco,morada,"
    "logradouro,via,indirizzo,billing address,shipping address,ship address,home address,"
    "lieferadresse,rechnungsadresse"
)
_CITIES = "city,town,ship city,billing city,stadt,ort,wohnort,ville,commune,ciudad,localidad,"
_CITIES += "cidade,municipio,citta,comune,birth place,place of birth,geburtsort,lieu naissance"
_POSTCODES = (
    "postcode,post code,postal code,zip,zip code,postleitzahl,plz,code postal,codigo postal,cep,"
    "cap,codice postale,cp"
)
_STATES = "state,province,region,county,bundesland,kanton,departement,provincia,comunidad,"
_STATES += "estado,distrito,regione,ship region"
_COUNTRIES = "country,country name,land,staat,pays,pais,paese,nazione,ship country"
_LATITUDES = "latitude,lat,breitengrad,latitud,latitudine,geo lat"
_LONGITUDES = "longitude,lon,lng,long,laengengrad,longitud,longitudine,geo lng,geo lon"
_WHERE_ADDRESSES_ARE = (
    "user,person,people,customer,client,contact,address,employee,order,invoice,"
    "shipment,location,patient,supplier,company,member,profile,kunde,kunden,"
    "adresse,adressen,cliente,direccion"
)


def _is_street(value: str) -> bool:
    return _STREET.fullmatch(value) is not None


DETECTORS = (
    Detector(
        what="a street",
        markup=mask.street(),
        names=_STREETS,
        is_value=_is_street,
        alone=False,
        certain=0.75,
    ),
    Detector(what="a town", markup=mask.city(), names=_CITIES),
    Detector(
        what="a postal code",
        markup=mask.postcode(),
        names=_POSTCODES,
        certain=0.75,
    ),
    Detector(
        what="a state or region",
        markup=mask.state(),
        names=_STATES,
        tables=_WHERE_ADDRESSES_ARE,
        certain=0.5,
    ),
    Detector(what="a country", markup=mask.country(), names=_COUNTRIES, certain=0.5),
    Detector(
        what="a latitude",
        markup=mask.noise(low=-90, high=90),
        names=_LATITUDES,
        kinds=NUMBERS,
    ),
    Detector(
        what="a longitude",
        markup=mask.noise(low=-180, high=180),
        names=_LONGITUDES,
        kinds=NUMBERS,
    ),
    Detector(
        what="a place on the map",
        markup=mask.null(),
        names="geom,geo,geometry,location,coordinates,position gps,lat lng",
        kinds=TEXTS,
        tables=_WHERE_ADDRESSES_ARE,
        certain=0.4,
    ),
)
