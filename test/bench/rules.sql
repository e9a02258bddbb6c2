-- rules.sql
--		Ten rules as workflows have them: one is a regular expression over a
--		text, three look into nested values.  None holds for the packet.
CREATE SCHEMA IF NOT EXISTS bench;
CREATE FUNCTION bench.add_rules(workflow text) RETURNS int
LANGUAGE sql AS $$
    SELECT max(hitl.set_rule(add_rules.workflow, name, condition::jsonpath))
      FROM (VALUES
        ('large', '$.exposure > 50000'),
        ('unsure', '$.input.amount > 10000 && $.confidence < 0.99'),
        ('threat', '$.input.text like_regex "lawsuit|data breach" flag "i"'),
        ('abroad', '$.input.insured.address.country != "DE"'),
        ('invalid', '$.signals.validators.schema == false'),
        ('report', '$.input.documents[*] starts with "police"'),
        ('currency', '$.input.currency != "EUR"'),
        ('upset', '$.signals.sentiment < -0.5'),
        ('generous', '$.output.amount > $.input.amount'),
        ('vip', '$.tags[*] == "vip"')) AS r (name, condition)
$$;
