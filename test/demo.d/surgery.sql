-- A case in which two people must agree, each before they know what the AI says.
INSERT INTO hitl.decision (workflow, model, subject, input, output, confidence,
                           reversible)
VALUES ('fna-surgery', 'random-forest', 'case-0002',
        '{"mean_texture": 15.46, "mean_radius": 19.07}',
        '{"finding": "malignant"}', 0.81, false);
