-- The demo's shop: made names, made cards (valid check digits, no real account), made orders.
SET client_min_messages = error;
CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL, email text NOT NULL, ssn text NOT NULL, city text NOT NULL);
CREATE TABLE cards (id int PRIMARY KEY, customer int NOT NULL REFERENCES customers, number text NOT NULL, expires date NOT NULL);
CREATE TABLE orders (id int PRIMARY KEY, customer int NOT NULL REFERENCES customers, total numeric(10, 2) NOT NULL,
    state text NOT NULL, note text);

INSERT INTO customers
SELECT n, first || ' ' || last, lower(first || '.' || last || n || '@example.com'),
    lpad((100 + n * 7 % 800)::text, 3, '0') || '-' || lpad((10 + n * 3 % 89)::text, 2, '0') || '-' || lpad((1000 + n * 37 % 8999)::text, 4, '0'),
    (ARRAY['Lisbon', 'Turin', 'Graz', 'Leeds', 'Bergen'])[1 + n % 5]
FROM generate_series(1, 300) AS n,
    LATERAL (SELECT (ARRAY['Ada', 'Grace', 'Linus', 'Edsger', 'Barbara', 'Donald', 'Radia', 'Ken'])[1 + n % 8] AS first,
        (ARRAY['Silva', 'Rossi', 'Gruber', 'Hall', 'Berg', 'Novak', 'Costa'])[1 + n % 7] AS last) AS names;

-- Fifteen digits and the Luhn digit that makes them a card number.
INSERT INTO cards
SELECT n, n, body || ((10 - (SELECT sum(CASE WHEN place % 2 = 1 THEN (d * 2) % 10 + (d * 2) / 10 ELSE d END)
        FROM (SELECT place, substr(body, place, 1)::int AS d FROM generate_series(1, 15) AS place) AS digits) % 10) % 10)::text,
    date '2027-01-31' + n
FROM (SELECT n, '400000' || lpad((n * 7919)::text, 9, '0') AS body FROM generate_series(1, 300) AS n) AS bodies;

INSERT INTO orders
SELECT n, 1 + n % 300, round((5 + n * 13 % 400)::numeric * 1.19, 2), (ARRAY['paid', 'sent', 'open'])[1 + n % 3],
    CASE WHEN n % 10 = 0 THEN 'ask ' || (SELECT email FROM customers WHERE id = 1 + n % 300) END
FROM generate_series(1, 2000) AS n;
ANALYZE;
