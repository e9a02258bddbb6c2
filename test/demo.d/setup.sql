-- Who works here, and what may be decided without them.
CREATE ROLE digit_app LOGIN;
CREATE ROLE clinic_app LOGIN;
CREATE ROLE alice LOGIN;
CREATE ROLE bob LOGIN;
CREATE ROLE carol LOGIN;
CREATE ROLE dave LOGIN;
CREATE ROLE erin LOGIN;
CREATE ROLE frank LOGIN;
CREATE ROLE grace LOGIN;
CREATE ROLE heidi LOGIN;
CREATE ROLE lea LOGIN;
GRANT hitl_application TO digit_app, clinic_app;
GRANT hitl_reviewer TO alice, bob, carol, dave, erin, frank, grace, heidi;
GRANT hitl_lead TO lea;

-- Plain approval above 0.90; a digit is never turned down by the machine.
SELECT hitl.create_workflow('digit-entry', queue => 'data-entry',
                            question => 'Is this the digit on the form?',
                            application => 'digit_app');
SELECT hitl.set_policy('digit-entry', upper => 0.90, lower => 0.00,
                       audit_rate_approve => 0.20, audit_rate_reject => 0.20);

-- Two-sided: a low probability of "benign" is as telling as a high one.
SELECT hitl.create_workflow('fna-triage', queue => 'pathology',
                            question => 'Benign, no follow-up needed?',
                            application => 'clinic_app');
SELECT hitl.set_policy('fna-triage', upper => 0.90, lower => 0.10,
                       audit_rate_approve => 0.20, audit_rate_reject => 0.20);

-- What cannot be undone: two people must agree, and each judges before the
-- AI's output is shown.
SELECT hitl.create_workflow('fna-surgery', queue => 'pathology',
                            question => 'Malignant, operate?',
                            application => 'clinic_app', always_human => true);
SELECT hitl.set_policy('fna-surgery', approvals => 2, blind => true);

-- No policy, hence every decision goes to a person; two seconds to look at
-- it, then the doctor on call is asked.
SELECT hitl.create_queue('on-call');
SELECT hitl.create_sla('urgent', first_review => interval '2 seconds',
                       resolution => interval '1 hour');
SELECT hitl.add_escalation('urgent', step => 1, to_queue => 'on-call',
                           lane => 0, within => interval '10 minutes');
SELECT hitl.create_workflow('fna-urgent', queue => 'night-desk',
                            question => 'Benign, no follow-up needed?',
                            application => 'clinic_app', sla => 'urgent');

SELECT hitl.add_reviewer(r, login => r::regrole)
  FROM unnest('{alice,bob,carol,dave,erin,frank,heidi}'::text[]) AS r;
SELECT hitl.add_reviewer('grace', login => 'grace', tier => 2);
SELECT hitl.join_queue(r, 'data-entry')
  FROM unnest('{alice,bob,carol,dave}'::text[]) AS r;
SELECT hitl.join_queue(r, 'pathology')
  FROM unnest('{erin,frank}'::text[]) AS r;
SELECT hitl.join_queue('grace', q) FROM unnest('{on-call,pathology}'::text[]) AS q;
SELECT hitl.join_queue('heidi', 'night-desk');
