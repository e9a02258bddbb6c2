-- Configuration.  Admins change it through functions that validate and log.
-- Each table tells the caches of all sessions when it changes (see
-- src/cache.c).  There are no foreign keys: dumps restore in any order, and
-- what is missing at run time means review.

CREATE FUNCTION hitl.config_changed()
RETURNS trigger
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'hitl_config_changed';
COMMENT ON FUNCTION hitl.config_changed()
    IS 'trigger: makes every session read this configuration table anew';

CREATE FUNCTION hitl.refuse_change()
RETURNS trigger
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'hitl_refuse_change';
COMMENT ON FUNCTION hitl.refuse_change()
    IS 'trigger: facts are inserted and never changed (ZH009)';

CREATE TABLE hitl.workflow (
    name           text COLLATE "C" PRIMARY KEY,
    queue          text COLLATE "C" NOT NULL,
    lane           smallint NOT NULL DEFAULT 1 CHECK (lane BETWEEN 0 AND 2),
    sla            text COLLATE "C",
    question       text,
    application    regrole,
    mode           text CHECK (mode IN ('manual', 'shadow', 'in_loop', 'on_loop')),
    always_human   boolean NOT NULL DEFAULT false,
    two_admins     boolean NOT NULL DEFAULT false,
    policy_version int,
    baseline       int,
    kill_reason    text,
    quota          int CHECK (quota > 0),
    notes          text,
    created_at     timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE hitl.workflow IS 'a kind of decision';
COMMENT ON COLUMN hitl.workflow.queue IS 'where its reviews go';
COMMENT ON COLUMN hitl.workflow.lane IS 'urgency of its reviews: 0 safety and legal, 1 customer-facing, 2 internal';
COMMENT ON COLUMN hitl.workflow.sla IS 'the clocks of its reviews; NULL: none';
COMMENT ON COLUMN hitl.workflow.question IS 'what the reviewer must answer';
COMMENT ON COLUMN hitl.workflow.application IS 'only its members may insert decisions, and they read the outcomes; NULL: every hitl_application';
COMMENT ON COLUMN hitl.workflow.mode IS 'manual: all to people; shadow: nothing takes effect, what the policy says is on record; in_loop: the policy decides, the grey band waits for people; on_loop: the grey band takes effect at once, open to a veto; NULL: manual until the policy has a threshold, then in_loop';
COMMENT ON COLUMN hitl.workflow.always_human IS 'nothing is ever final without a person: all goes to review whatever the policy says, and no timeout decides';
COMMENT ON COLUMN hitl.workflow.two_admins IS 'what could make more automatic takes effect when a second admin confirms it, see proposal';
COMMENT ON COLUMN hitl.workflow.policy_version IS 'the policy in force; NULL: none, all to people';
COMMENT ON COLUMN hitl.workflow.baseline IS 'the version of its baseline in force, what inputs usually look like; NULL: none';
COMMENT ON COLUMN hitl.workflow.quota IS 'most open tasks that it may have: while it has as many, an insert that needs a person, or might by the audit lottery, fails (53400); exact within a session, and a thirty-second more for each further one that inserts at the same time; NULL: no limit';
COMMENT ON COLUMN hitl.workflow.notes IS 'what reviewers should know: what the AI can and cannot do, how to judge it';
COMMENT ON COLUMN hitl.workflow.kill_reason IS 'why nothing is automatic until somebody resumes; NULL: not killed';

CREATE TABLE hitl.policy (
    workflow           text COLLATE "C" NOT NULL,
    version            int NOT NULL CHECK (version > 0),
    base               int CHECK (base > 0 AND base < version),
    upper              float8 CHECK (upper >= 0 AND upper <= 1),
    lower              float8 NOT NULL DEFAULT 0 CHECK (lower >= 0 AND lower <= 1),
    audit_rate_approve float8 NOT NULL DEFAULT 0.05
                       CHECK (audit_rate_approve >= 0 AND audit_rate_approve <= 1),
    audit_rate_reject  float8 NOT NULL DEFAULT 0.05
                       CHECK (audit_rate_reject >= 0 AND audit_rate_reject <= 1),
    novelty_limit      float8 CHECK (novelty_limit > 0 AND novelty_limit < 'Infinity'),
    fairness_limit     float8 CHECK (fairness_limit >= 0 AND fairness_limit <= 1),
    fairness_queue     text COLLATE "C",
    fairness_sla       text COLLATE "C",
    field_limit        float8 CHECK (field_limit >= 0 AND field_limit <= 1),
    step_limit         float8 CHECK (step_limit >= 0 AND step_limit <= 1),
    required_context   text[] NOT NULL DEFAULT '{}'
                       CHECK (array_position(required_context, NULL) IS NULL),
    irreversible       boolean NOT NULL DEFAULT true,
    on_invalid         text NOT NULL DEFAULT 'review' CHECK (on_invalid IN ('review', 'error')),
    on_timeout         text NOT NULL DEFAULT 'hold' CHECK (on_timeout IN ('hold', 'approve', 'reject')),
    veto_window        interval NOT NULL DEFAULT '1 hour'
                       CHECK (veto_window > '0' AND veto_window <= '100 years'),
    queue              text COLLATE "C",
    sla                text COLLATE "C",
    challenger         int CHECK (challenger > 0 AND challenger <> version),
    target_error       float8 CHECK (target_error > 0 AND target_error < 1),
    confidence_level   float8 CHECK (confidence_level > 0 AND confidence_level < 1),
    cost_error         float8 CHECK (cost_error >= 0 AND cost_error < 'Infinity'),
    cost_review        float8 CHECK (cost_review >= 0 AND cost_review < 'Infinity'),
    approvals          int NOT NULL DEFAULT 1 CHECK (approvals BETWEEN 1 AND 100),
    overlap_rate       float8 NOT NULL DEFAULT 0 CHECK (overlap_rate >= 0 AND overlap_rate <= 1),
    panel              int NOT NULL DEFAULT 1 CHECK (panel BETWEEN 1 AND 100),
    stages             text[] NOT NULL DEFAULT '{}' CHECK (array_position(stages, NULL) IS NULL),
    blind              boolean NOT NULL DEFAULT false,
    blind_rate         float8 NOT NULL DEFAULT 1 CHECK (blind_rate >= 0 AND blind_rate <= 1),
    step_up            text[] NOT NULL DEFAULT '{}' CHECK (array_position(step_up, NULL) IS NULL),
    step_up_tier       int NOT NULL DEFAULT 1 CHECK (step_up_tier > 0),
    explanation        boolean NOT NULL DEFAULT false,
    rubric             int CHECK (rubric > 0),
    max_resubmits      int CHECK (max_resubmits >= 0),
    resubmit_window    interval NOT NULL DEFAULT '1 day'
                       CHECK (resubmit_window > '0' AND resubmit_window <= '100 years'),
    auto_tune          boolean NOT NULL DEFAULT false,
    created_at         timestamptz NOT NULL DEFAULT now(),
    created_by         name NOT NULL,
    PRIMARY KEY (workflow, version),
    CHECK (upper IS NULL OR lower <= upper)
);
COMMENT ON TABLE hitl.policy IS 'thresholds and limits of a workflow, one row a version, never changed';
COMMENT ON COLUMN hitl.policy.base IS 'the version that it was made from, rules too; NULL: none';
COMMENT ON COLUMN hitl.policy.upper IS 'confidence at or above it is approved, 0..1; NULL: nothing is';
COMMENT ON COLUMN hitl.policy.lower IS 'confidence below it is rejected, 0..1; 0: nothing is';
COMMENT ON COLUMN hitl.policy.audit_rate_approve IS 'share of automatic approvals drawn for a verdict afterwards, 0..1';
COMMENT ON COLUMN hitl.policy.audit_rate_reject IS 'share of automatic rejections drawn for a verdict afterwards, 0..1';
COMMENT ON COLUMN hitl.policy.novelty_limit IS 'a number of the input further from its baseline goes to review, in robust standard deviations, above 0; NULL: novelty is not looked at';
COMMENT ON COLUMN hitl.policy.fairness_limit IS 'signals.fairness below it, missing or no number goes to review, 0..1; NULL: not looked at';
COMMENT ON COLUMN hitl.policy.fairness_queue IS 'where decisions go that fairness sends to review; NULL: as others';
COMMENT ON COLUMN hitl.policy.fairness_sla IS 'the clocks of reviews that fairness asks for; NULL: as others';
COMMENT ON COLUMN hitl.policy.field_limit IS 'a field of signals.confidences below it sends to review, 0..1; NULL: not looked at';
COMMENT ON COLUMN hitl.policy.step_limit IS 'an earlier step of the case with less confidence sends to review, 0..1; NULL: not looked at';
COMMENT ON COLUMN hitl.policy.required_context IS 'what a decision must bring to be automatic: dotted paths that begin with a column, as in context.policy; empty: nothing';
COMMENT ON COLUMN hitl.policy.irreversible IS 'what cannot be undone always goes to review';
COMMENT ON COLUMN hitl.policy.on_invalid IS 'a confidence that is no number from 0 to 1: review, or error (the insert fails); a missing one is always reviewed';
COMMENT ON COLUMN hitl.policy.on_timeout IS 'when the resolution clock has run out and no step of escalation is left: hold (a person must decide), reject, or approve, which still holds what cannot be undone and what anything but the thresholds sent to a person';
COMMENT ON COLUMN hitl.policy.veto_window IS 'how long a decision that mode on_loop let through can be vetoed, up to 100 years';
COMMENT ON COLUMN hitl.policy.queue IS 'where its reviews go; NULL: to the queue of the workflow';
COMMENT ON COLUMN hitl.policy.sla IS 'the clocks of its reviews; NULL: those of the workflow';
COMMENT ON COLUMN hitl.policy.challenger IS 'a version that judges every decision as well, which is on record and not enforced; NULL: none';
COMMENT ON COLUMN hitl.policy.target_error IS 'the share of wrong automatic decisions that advice on thresholds aims at, 0..1 without the ends; NULL: none';
COMMENT ON COLUMN hitl.policy.confidence_level IS 'how sure advice on thresholds must be, 0..1 without the ends; NULL: not said';
COMMENT ON COLUMN hitl.policy.cost_error IS 'cost of a wrong automatic decision, 0 or more, in the unit of cost_review; NULL: not known';
COMMENT ON COLUMN hitl.policy.cost_review IS 'cost of a review, 0 or more, in the unit of cost_error; NULL: not known';
COMMENT ON COLUMN hitl.policy.approvals IS 'how many persons must agree on the outcome of a review, 1 to 100; a rule may demand more';
COMMENT ON COLUMN hitl.policy.panel IS 'how many persons review at once, each without knowing of the others, 1 to 100; 1: one after the other';
COMMENT ON COLUMN hitl.policy.overlap_rate IS 'share of reviews that a second person does independently, to measure agreement, 0..1';
COMMENT ON COLUMN hitl.policy.stages IS 'names of the stages of a review, in order, as in triage, quality, expert: whoever escalates hands it to the next, the n-th needs tier n; empty: none';
COMMENT ON COLUMN hitl.policy.blind IS 'reviewers store their own judgment before they see the proposal';
COMMENT ON COLUMN hitl.policy.blind_rate IS 'where blind: the share of tasks that are, drawn by chance, so that the others show what seeing the proposal does, 0..1';
COMMENT ON COLUMN hitl.policy.step_up IS 'methods of login that a verdict needs, as in cert, scram-sha-256; empty: any';
COMMENT ON COLUMN hitl.policy.step_up_tier IS 'tasks below this tier need none of step_up';
COMMENT ON COLUMN hitl.policy.explanation IS 'a rejection needs an explanation for the affected person';
COMMENT ON COLUMN hitl.policy.rubric IS 'version of the rubric that verdicts are scored by; NULL: none';
COMMENT ON COLUMN hitl.policy.max_resubmits IS 'a decision goes to review when its subject had more than so many others within resubmit_window; NULL: not looked at';
COMMENT ON COLUMN hitl.policy.resubmit_window IS 'see max_resubmits, up to 100 years';
COMMENT ON COLUMN hitl.policy.auto_tune IS 'thresholds follow the advice by themselves; only false for now';

CREATE TABLE hitl.rule (
    workflow  text COLLATE "C" NOT NULL,
    version   int NOT NULL,
    name      text COLLATE "C" NOT NULL,
    position  int NOT NULL,
    condition jsonpath NOT NULL,
    route     text CHECK (route = 'review'),
    lane      smallint CHECK (lane BETWEEN 0 AND 2),
    tier      int CHECK (tier > 0),
    queue     text COLLATE "C",
    sla       text COLLATE "C",
    question  text,
    reason    text,
    skills    text[] NOT NULL DEFAULT '{}' CHECK (array_position(skills, NULL) IS NULL),
    approvals int CHECK (approvals BETWEEN 1 AND 100),
    PRIMARY KEY (workflow, version, name)
);
COMMENT ON TABLE hitl.rule IS 'conditions of a policy version on the whole decision, and what follows when one holds; never changed';
COMMENT ON COLUMN hitl.rule.position IS 'rules are looked at in this order, all of them';
COMMENT ON COLUMN hitl.rule.condition IS 'a jsonpath predicate over one document with the columns of the decision as keys';
COMMENT ON COLUMN hitl.rule.route IS 'review: the decision goes to a person; NULL: the rule is only recorded and shapes the task';
COMMENT ON COLUMN hitl.rule.lane IS 'lane of the task; of several rules the most urgent';
COMMENT ON COLUMN hitl.rule.tier IS 'least tier of the reviewer; of several rules the highest';
COMMENT ON COLUMN hitl.rule.queue IS 'queue of the task; of several rules the first';
COMMENT ON COLUMN hitl.rule.sla IS 'clocks of the task; of several rules the first';
COMMENT ON COLUMN hitl.rule.question IS 'what the reviewer must answer; of several rules the first';
COMMENT ON COLUMN hitl.rule.skills IS 'skills or credentials that the reviewer must have, all of them; of several rules together';
COMMENT ON COLUMN hitl.rule.approvals IS 'how many persons must agree; of several rules and the policy the most; NULL: says nothing';
COMMENT ON COLUMN hitl.rule.reason IS 'in words, for the reviewer; NULL: the condition itself';

CREATE TABLE hitl.proposal (
    id             bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    workflow       text COLLATE "C" NOT NULL,
    kind           text NOT NULL CHECK (kind IN ('policy', 'mode', 'resume', 'protect', 'always_human',
                                         'baseline')),
    detail         jsonb NOT NULL,
    version        int,
    proposed_by    name NOT NULL,
    proposed_login name NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    CHECK ((kind = 'policy') = (version IS NOT NULL))
);
COMMENT ON TABLE hitl.proposal IS 'changes of protected workflows that wait for a second admin; gone once confirmed or withdrawn, events keep them';
COMMENT ON COLUMN hitl.proposal.kind IS 'policy: puts a version in force; mode: sets the mode; resume: ends a kill; protect: ends the protection; always_human: lets the policy decide; baseline: puts another baseline in force, or none';
COMMENT ON COLUMN hitl.proposal.detail IS 'what would change: from (as it was when it was proposed) and to';
COMMENT ON COLUMN hitl.proposal.version IS 'the policy to put in force; NULL for other kinds';
COMMENT ON COLUMN hitl.proposal.proposed_by IS 'the role that acted';
COMMENT ON COLUMN hitl.proposal.proposed_login IS 'the role that had logged in';

CREATE TABLE hitl.queue (
    name       text COLLATE "C" PRIMARY KEY,
    ordering   text NOT NULL DEFAULT 'due'
               CHECK (ordering IN ('due', 'fifo', 'exposure', 'uncertainty', 'expected_loss')),
    lease      interval NOT NULL DEFAULT '15 minutes' CHECK (lease > '0'),
    max_hold   interval NOT NULL DEFAULT '8 hours' CHECK (max_hold > '0'),
    aging      interval CHECK (aging > '0'),
    gold_rate  float8 NOT NULL DEFAULT 0 CHECK (gold_rate >= 0 AND gold_rate <= 1),
    gold_bar   float8 CHECK (gold_bar >= 0 AND gold_bar <= 1),
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE hitl.queue IS 'where tasks wait for the reviewers who are its members';
COMMENT ON COLUMN hitl.queue.ordering IS 'within a lane: due (earliest deadline first), fifo (oldest first), exposure (most at risk first), uncertainty (confidence nearest to one half first) or expected_loss (exposure times the probability that the proposal is wrong, greatest first)';
COMMENT ON COLUMN hitl.queue.lease IS 'how long a claim holds a task';
COMMENT ON COLUMN hitl.queue.max_hold IS 'how long a reviewer can hold a task by extending the lease, from the claim; a first lease is always whole';
COMMENT ON COLUMN hitl.queue.aging IS 'bound on overtaking: within a lane no task is served before one that is older by more than this; NULL: none';
COMMENT ON COLUMN hitl.queue.gold_rate IS 'share of claimed tasks that are decisions with a known answer, to measure reviewers, 0..1';
COMMENT ON COLUMN hitl.queue.gold_bar IS 'a reviewer whose share of right answers among the last 20 known ones (5 at least) is below it is paused, 0..1; NULL: nobody is';

CREATE TABLE hitl.reviewer (
    name         text COLLATE "C" PRIMARY KEY,
    login        regrole UNIQUE,
    tier         int NOT NULL DEFAULT 1 CHECK (tier > 0),
    max_open     int NOT NULL DEFAULT 10 CHECK (max_open > 0),
    skills       text[] NOT NULL DEFAULT '{}' CHECK (array_position(skills, NULL) IS NULL),
    shift        interval NOT NULL DEFAULT '8 hours' CHECK (shift > '0'),
    shift_limit  int CHECK (shift_limit > 0),
    max_releases int NOT NULL DEFAULT 20 CHECK (max_releases >= 0),
    paused       text,
    created_at   timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE hitl.reviewer IS 'a person who gives verdicts';
COMMENT ON COLUMN hitl.reviewer.login IS 'the role that acts as this person, see also reviewer_login; NULL: only a hitl_delegate can, by naming the person';
COMMENT ON COLUMN hitl.reviewer.tier IS 'authority: takes tasks of this tier and below';
COMMENT ON COLUMN hitl.reviewer.max_open IS 'how many tasks the person may hold at once';
COMMENT ON COLUMN hitl.reviewer.skills IS 'what the person can do; what runs out or was issued stands in credential';
COMMENT ON COLUMN hitl.reviewer.shift IS 'span over which shift_limit and max_releases count, from the first claim after the span before';
COMMENT ON COLUMN hitl.reviewer.shift_limit IS 'how many tasks the person may claim in a shift; NULL: no limit';
COMMENT ON COLUMN hitl.reviewer.max_releases IS 'how many tasks the person may give back undecided in a shift before claims are refused';
COMMENT ON COLUMN hitl.reviewer.paused IS 'why the person may claim nothing for now; NULL: not paused';

CREATE TABLE hitl.reviewer_login (
    login    regrole PRIMARY KEY,
    reviewer text COLLATE "C" NOT NULL
);
COMMENT ON TABLE hitl.reviewer_login IS 'further logins of a person: all of them act as the person, and none reviews what another submitted';
COMMENT ON COLUMN hitl.reviewer_login.login IS 'another role that is this person';

CREATE TABLE hitl.credential (
    reviewer    text COLLATE "C" NOT NULL,
    credential  text COLLATE "C" NOT NULL,
    valid_until timestamptz NOT NULL DEFAULT 'infinity',
    PRIMARY KEY (reviewer, credential)
);
COMMENT ON TABLE hitl.credential IS 'authority that was issued to a reviewer: it counts as a skill until it runs out';
COMMENT ON COLUMN hitl.credential.credential IS 'what tasks ask for in skills';
COMMENT ON COLUMN hitl.credential.valid_until IS 'from then on it counts no more; infinity: never';

CREATE TABLE hitl.absence (
    id       bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    reviewer text COLLATE "C" NOT NULL,
    since    timestamptz NOT NULL,
    until    timestamptz NOT NULL,
    stand_in text COLLATE "C",
    CHECK (since < until),
    CHECK (stand_in <> reviewer)
);
COMMENT ON TABLE hitl.absence IS 'when a reviewer is away: they claim nothing, and a stand-in may work on their queues';
COMMENT ON COLUMN hitl.absence.since IS 'away from here';
COMMENT ON COLUMN hitl.absence.until IS 'back from here';
COMMENT ON COLUMN hitl.absence.stand_in IS 'works on the queues of the absent, with their own tier and skills; NULL: nobody';

CREATE TABLE hitl.rubric (
    workflow    text COLLATE "C" NOT NULL,
    version     int NOT NULL CHECK (version > 0),
    criterion   text COLLATE "C" NOT NULL,
    position    int NOT NULL,
    description text NOT NULL,
    least       int NOT NULL,
    most        int NOT NULL,
    required    boolean NOT NULL DEFAULT true,
    PRIMARY KEY (workflow, version, criterion),
    CHECK (least < most)
);
COMMENT ON TABLE hitl.rubric IS 'what verdicts are scored by, one row a criterion; versions are never changed, policies name theirs';
COMMENT ON COLUMN hitl.rubric.criterion IS 'what is scored: the key in scores of a verdict';
COMMENT ON COLUMN hitl.rubric.position IS 'order in which criteria are shown';
COMMENT ON COLUMN hitl.rubric.description IS 'what the criterion means, in words';
COMMENT ON COLUMN hitl.rubric.least IS 'the worst score';
COMMENT ON COLUMN hitl.rubric.most IS 'the best score';
COMMENT ON COLUMN hitl.rubric.required IS 'a verdict must score it';

CREATE TABLE hitl.confidence_map (
    workflow text COLLATE "C" NOT NULL,
    lo       float8 NOT NULL,
    hi       float8 NOT NULL,
    value    float8 NOT NULL CHECK (value >= 0 AND value <= 1),
    PRIMARY KEY (workflow, lo),
    CHECK (lo >= 0 AND lo <= hi AND hi <= 1)
);
COMMENT ON TABLE hitl.confidence_map IS 'what the stated confidence of a workflow has been worth: learnt from labels, used to order queues';
COMMENT ON COLUMN hitl.confidence_map.lo IS 'stated confidence, from';
COMMENT ON COLUMN hitl.confidence_map.hi IS 'to, inclusive';
COMMENT ON COLUMN hitl.confidence_map.value IS 'share of right proposals there, 0..1';

CREATE TABLE hitl.membership (
    reviewer   text COLLATE "C" NOT NULL,
    queue      text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (reviewer, queue)
);
COMMENT ON TABLE hitl.membership IS 'which reviewers work on which queues';

CREATE TABLE hitl.sla (
    name         text COLLATE "C" PRIMARY KEY,
    first_review interval CHECK (first_review > '0'),
    resolution   interval CHECK (resolution > '0'),
    created_at   timestamptz NOT NULL DEFAULT now(),
    CHECK (num_nonnulls(first_review, resolution) > 0)
);
COMMENT ON TABLE hitl.sla IS 'how long a task may wait; what follows a breach stands in escalation_step';
COMMENT ON COLUMN hitl.sla.first_review IS 'from the task''s start until somebody claims it; NULL: no such clock';
COMMENT ON COLUMN hitl.sla.resolution IS 'from the task''s start until it is decided; NULL: no such clock';

CREATE TABLE hitl.escalation_step (
    sla      text COLLATE "C" NOT NULL,
    step     int NOT NULL CHECK (step > 0),
    to_queue text COLLATE "C",
    tier     int CHECK (tier > 0),
    lane     smallint CHECK (lane BETWEEN 0 AND 2),
    within   interval CHECK (within > '0'),
    PRIMARY KEY (sla, step),
    CHECK (num_nonnulls(to_queue, tier, lane, within) > 0)
);
COMMENT ON TABLE hitl.escalation_step IS 'what each breach of an SLA does, in order; after the last step the task is held';
COMMENT ON COLUMN hitl.escalation_step.to_queue IS 'moves the task; NULL: stays';
COMMENT ON COLUMN hitl.escalation_step.tier IS 'demands this tier at least; NULL: as before';
COMMENT ON COLUMN hitl.escalation_step.lane IS 'new lane; NULL: as before';
COMMENT ON COLUMN hitl.escalation_step.within IS 'a new deadline counted from the step; NULL: no further deadline';

CREATE TABLE hitl.decision_code (
    code        text COLLATE "C" NOT NULL,
    workflow    text COLLATE "C",
    description text NOT NULL,
    builtin     boolean NOT NULL DEFAULT false,
    UNIQUE NULLS NOT DISTINCT (code, workflow)
);
COMMENT ON TABLE hitl.decision_code IS 'the vocabulary of reasons that a rejection or an amendment must name';
COMMENT ON COLUMN hitl.decision_code.workflow IS 'where the code holds; NULL: everywhere';
COMMENT ON COLUMN hitl.decision_code.builtin IS 'came with the extension; not dumped';
COMMENT ON COLUMN hitl.decision_code.description IS 'what the code means, in words';

INSERT INTO hitl.decision_code (code, description, builtin) VALUES
    ('INCORRECT', 'the proposal is wrong', true),
    ('INCOMPLETE', 'something is missing', true),
    ('UNSAFE', 'the proposal would do harm', true);

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['workflow', 'policy', 'rule', 'queue', 'reviewer', 'membership',
                             'reviewer_login', 'credential', 'absence', 'confidence_map', 'sla', 'escalation_step', 'decision_code'] LOOP
        EXECUTE format('CREATE TRIGGER config_changed AFTER INSERT OR UPDATE OR DELETE ON hitl.%I '
                       'FOR EACH ROW EXECUTE FUNCTION hitl.config_changed()', t);
        EXECUTE format('CREATE TRIGGER config_emptied AFTER TRUNCATE ON hitl.%I '
                       'FOR EACH STATEMENT EXECUTE FUNCTION hitl.config_changed()', t);
        EXECUTE format('ALTER TABLE hitl.%I ENABLE ALWAYS TRIGGER config_changed', t);
        EXECUTE format('ALTER TABLE hitl.%I ENABLE ALWAYS TRIGGER config_emptied', t);
    END LOOP;
END
$$;

-- A policy, with its rules, is cited by the decisions that it made: a fact.
DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['policy', 'rule', 'rubric'] LOOP
        EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON hitl.%I '
                       'FOR EACH ROW EXECUTE FUNCTION hitl.refuse_change()', t);
        EXECUTE format('CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON hitl.%I '
                       'FOR EACH STATEMENT EXECUTE FUNCTION hitl.refuse_change()', t);
        EXECUTE format('ALTER TABLE hitl.%I ENABLE ALWAYS TRIGGER append_only', t);
        EXECUTE format('ALTER TABLE hitl.%I ENABLE ALWAYS TRIGGER append_only_truncate', t);
    END LOOP;
END
$$;

SELECT pg_extension_config_dump('hitl.workflow', '');
SELECT pg_extension_config_dump('hitl.policy', '');
SELECT pg_extension_config_dump('hitl.rule', '');
SELECT pg_extension_config_dump('hitl.proposal', '');
SELECT pg_extension_config_dump('hitl.proposal_id_seq', '');
SELECT pg_extension_config_dump('hitl.queue', '');
SELECT pg_extension_config_dump('hitl.reviewer', '');
SELECT pg_extension_config_dump('hitl.membership', '');
SELECT pg_extension_config_dump('hitl.reviewer_login', '');
SELECT pg_extension_config_dump('hitl.credential', '');
SELECT pg_extension_config_dump('hitl.absence', '');
SELECT pg_extension_config_dump('hitl.absence_id_seq', '');
SELECT pg_extension_config_dump('hitl.rubric', '');
SELECT pg_extension_config_dump('hitl.confidence_map', '');
SELECT pg_extension_config_dump('hitl.sla', '');
SELECT pg_extension_config_dump('hitl.escalation_step', '');
SELECT pg_extension_config_dump('hitl.decision_code', 'WHERE NOT builtin');
