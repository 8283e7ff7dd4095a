"""What other tools are told to do with the table of people: e-mail, name and phone."""

PG_STAGE = """
from pg_stage.obfuscators.plain import PlainObfuscator
PlainObfuscator(locale="en").run()
"""
_MUTATIONS = {
    "email": '"email"',
    "name": '"full_name"',
    "phone": '"phone_number", "mutation_kwargs": {"mask": "+49 ### #######"}',
}
PG_STAGE_COMMENTS = [
    f"""COMMENT ON COLUMN public.people.{column} IS 'anon: [{{"mutation_name": {mutation}}}]'"""
    for column, mutation in _MUTATIONS.items()
]
PGANONYMIZE = """
tables:
  - people:
      primary_key: id
      fields:
        - email: {provider: {name: md5}}
        - name: {provider: {name: fake.name}}
        - phone: {provider: {name: fake.phone_number}}
"""
PYNONYMIZER = """
tables:
  people:
    columns:
      email: unique_email
      name: name
      phone: phone_number
"""
GREENMASK = """
common:
  pg_bin_path: {tools}
  tmp_dir: {folder}
storage:
  type: directory
  directory:
    path: {storage}
dump:
  pg_dump_options:
    dbname: "host={host} user=migrator dbname={database}"
    jobs: 1
  transformation:
    - schema: public
      name: people
      transformers:
        - name: RandomEmail
          params: {{column: email, engine: hash}}
        - name: RandomPerson
          params:
            engine: hash
            columns:
              - name: name
                template: "{{{{ .FirstName }}}} {{{{ .LastName }}}}"
        - name: RandomPhoneNumber
          params: {{column: phone}}
"""
