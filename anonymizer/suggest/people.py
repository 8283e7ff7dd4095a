"""What says who somebody is: names, addresses to write to, numbers to call, days of birth."""

from __future__ import annotations

import re

from anonymizer.markup import mask
from anonymizer.suggest.detector import DATES, TEXTS, Detector

_EMAIL = re.compile(r"[^\s@<>\"']+@[\w-]+(\.[\w-]+)+", re.IGNORECASE)
_PHONE = re.compile(r"\+?[\d(][\d\s().\-/]{5,22}(?:\s?(?:x|ext\.?)\s?\d{1,6})?")
_PHONE_MARKS = re.compile(r"^\+|^00|[\s().\-/]")
_DATE_LIKE = re.compile(r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}([ T].*)?")
_NAME = re.compile(r"[^\W\d_][\w.'’-]*(?: [^\W\d_][\w.'’-]*){1,4}")
_PHONE_DIGITS = range(7, 16)

PEOPLE = (
    "user,person,people,customer,client,contact,employee,member,patient,"
    "student,teacher,author,owner,lead,subscriber,profile,account,passenger,"
    "guest,driver,doctor,staff,actor,candidate,benutzer,kunde,kunden,person,"
    "personen,mitarbeiter,mitglied,patienten,kontakt,ansprechpartner,"
    "utilisateur,personne,employe,membre,usuario,persona,personas,cliente,"
    "empleado,miembro,contacto,usuarios,pessoa,pessoas,funcionario,membro,"
    "contato,utente,dipendente,persone,contatto"
)
"""Words of tables whose rows are people."""


def is_email(value: str) -> bool:
    """Return whether *value* is an e-mail address."""
    return _EMAIL.fullmatch(value) is not None


def is_phone(value: str) -> bool:
    """Return whether *value* is written as only phone numbers are."""
    if not _PHONE.fullmatch(value) or _DATE_LIKE.fullmatch(value):
        return False
    digits = sum(map(str.isdigit, value))
    return digits in _PHONE_DIGITS and _PHONE_MARKS.search(value) is not None


def _is_name(value: str) -> bool:
    return _NAME.fullmatch(value) is not None


_FIRST = (
    "first name,given name,forename,christian name,fname,vorname,prenom,nombre pila,primer nombre,"
    "primeiro nome,nome proprio,nome battesimo,middle name"
)
_LAST = (
    "last name,surname,family name,lname,maiden name,nachname,familienname,geburtsname,zuname,"
    "nom famille,nom de famille,nom usage,apellido,primer apellido,segundo apellido,sobrenome,"
    "apelido,ultimo nome,cognome"
)
_FULL = (
    "full name,display name,real name,person name,customer name,contact name,employee name,"
    "patient name,holder name,cardholder,owner name,recipient name,sender name,author name,"
    "ship name,billing name,shipping name,name full,vollname,anzeigename,kundenname,kontaktname,"
    "ansprechpartner,inhaber,nom complet,nom client,nom prenom,nombre completo,nombre cliente,"
    "titular,nome completo,nome cliente,nominativo,intestatario"
)
_EMAILS = (
    "email,e mail,mail,email address,mail address,courriel,correo,correo electronico,"
    "posta elettronica,adresse mail,emailadresse,mailadresse"
)
_PHONES = (
    "phone,telephone,tel,mobile,cell,cellphone,fax,phone number,mobile number,msisdn,telefon,"
    "telefonnummer,handy,handynummer,mobil,mobilnummer,rufnummer,telefono,movil,celular,telefone,"
    "telemovel,cellulare,portable,telefax,whatsapp"
)
_USERS = (
    "user name,login,login name,user login,nick,nick name,screen name,handle,benutzername,"
    "anmeldename,nutzername,identifiant,nom utilisateur,pseudo,usuario,nombre usuario,"
    "nome usuario,nome utente,utente"
)
_BIRTH = (
    "birth,birthday,birth date,date of birth,dob,born,born on,geburtsdatum,geburtstag,geboren,"
    "naissance,date naissance,nacimiento,fecha nacimiento,nascimento,data nascimento,nascita,"
    "data nascita,date de naissance,fecha de nacimiento,data de nascimento,data di nascita,"
    "death,death date,date of death"
)
_IDS = (
    "ssn,social security,social security number,national id,passport,passport number,tax id,"
    "tax number,license number,licence number,driver license,vat id,sozialversicherungsnummer,"
    "steuernummer,steuer id,ausweisnummer,personalausweis,numero secu,nir,dni,nie,nif,cpf,cnpj,"
    "rg,curp,codice fiscale,partita iva,insee,bsn,nino"
)

DETECTORS = (
    Detector(
        what="an e-mail address",
        markup=mask.email(),
        names=_EMAILS,
        is_value=is_email,
        certain=0.85,
    ),
    Detector(what="a first name", markup=mask.first_name(), names=_FIRST),
    Detector(what="a family name", markup=mask.last_name(), names=_LAST),
    Detector(
        what="a person's name",
        markup=mask.name(),
        names=_FULL,
        is_value=_is_name,
        alone=False,
    ),
    Detector(
        what="a person's name",
        markup=mask.name(),
        names="name,nom,nombre,nome",
        tables=PEOPLE,
        certain=0.65,
    ),
    Detector(what="a login", markup=mask.user_name(), names=_USERS),
    Detector(
        what="a phone number",
        markup=mask.phone(),
        names=_PHONES,
        is_value=is_phone,
        certain=0.8,
    ),
    Detector(
        what="a date of birth or death",
        markup=mask.date(),
        names=_BIRTH,
        kinds=DATES | TEXTS,
        certain=0.85,
    ),
    Detector(what="a number of a person's papers", markup=mask.digits(), names=_IDS),
)
