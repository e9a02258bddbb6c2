-- The case that nobody claims in time.
INSERT INTO hitl.decision (workflow, model, subject, input, output, confidence,
                           context)
VALUES ('fna-urgent', 'random-forest', 'case-0001',
        '{"mean_texture": 10.38, "mean_radius": 17.99}',
        '{"finding": "benign"}', 0.56, '{"subject": "case-0001"}');
