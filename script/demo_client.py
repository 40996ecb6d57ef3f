"""An ordinary psycopg program: it knows nothing of a gateway, only where its database is (PGHOST, PGUSER, ...)."""

import psycopg

with psycopg.connect("", autocommit=True) as connection:
    rows = connection.execute(
        "SELECT c.name, c.email, k.number, o.total FROM customers c JOIN cards k ON k.customer = c.id "
        "JOIN orders o ON o.customer = c.id WHERE c.city = %s ORDER BY o.total DESC, c.id LIMIT 3",
        ("Graz",)).fetchall()
    for name, email, number, total in rows:
        print(f"{name:16} {email:28} {number:20} {total:>10}")
