-- Made data for the integration tests: types of every kind that clients encode differently.
SET client_min_messages = error;
DROP SCHEMA IF EXISTS public CASCADE;
CREATE SCHEMA public;
CREATE TABLE customers (
    id int PRIMARY KEY, name text NOT NULL, email text, ssn text, card text, phone varchar(20), born date,
    balance numeric(12, 2), active boolean, tags text[], profile jsonb, photo bytea, seen timestamptz, code char(4));
INSERT INTO customers
SELECT n, 'Customer ' || n, 'user' || n || '@example.com', lpad((n % 900 + 100)::text, 3, '0') || '-45-' || lpad(n::text, 4, '0'),
    '4111111111111111', '+1-202-555-' || lpad(n::text, 4, '0'), date '1970-01-01' + n, n * 1.25, n % 2 = 0,
    ARRAY['t' || n, 'a,b', 'q"uote'], jsonb_build_object('n', n, 'mail', 'user' || n || '@example.com'),
    decode(lpad(to_hex(n), 8, '0'), 'hex'), timestamptz '2024-01-01 00:00:00+00' + n * interval '1 hour', 'c' || n % 10
FROM generate_series(1, 1000) AS n;
INSERT INTO customers (id, name) VALUES (1001, 'Only nulls é 漢字');
CREATE TABLE orders (id serial PRIMARY KEY, customer int REFERENCES customers, total numeric(10, 2), note text);
INSERT INTO orders (customer, total, note) SELECT n % 1000 + 1, n, 'order ' || n FROM generate_series(1, 5000) AS n;
CREATE TABLE scratch (id serial PRIMARY KEY, marker text);
CREATE VIEW people AS SELECT id, name, ssn AS number, email AS contact FROM customers;
CREATE INDEX orders_customer ON orders (customer);
CREATE FUNCTION add_one(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 + 1';
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE SEQUENCE counter;
ANALYZE;
