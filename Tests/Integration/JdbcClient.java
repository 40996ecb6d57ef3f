import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.sql.*;
import java.util.Arrays;
import java.util.Properties;
import org.postgresql.PGConnection;
import org.postgresql.PGStatement;

/** The JDBC part of the client matrix: `JdbcClient URL USER PROGRAM`, password in JDBC_PASSWORD, facts on standard output. */
public final class JdbcClient {
    public static void main(String[] arguments) throws Exception {
        Properties properties = new Properties();
        properties.setProperty("user", arguments[1]);
        properties.setProperty("password", System.getenv("JDBC_PASSWORD"));
        try (Connection connection = DriverManager.getConnection(arguments[0], properties)) {
            switch (arguments[2]) {
                case "matrix" -> matrix(connection);
                case "blocked" -> blocked(connection);
                case "commands" -> commands(connection);
                default -> throw new IllegalArgumentException(arguments[2]);
            }
        }
    }

    static void matrix(Connection connection) throws Exception {
        DatabaseMetaData meta = connection.getMetaData();
        try (ResultSet columns = meta.getColumns(null, "public", "customers", null)) {
            while (columns.next()) {
                System.out.println("column " + columns.getString("COLUMN_NAME") + " " + columns.getString("TYPE_NAME"));
            }
        }
        boolean serverSide = false;
        try (PreparedStatement one = connection.prepareStatement("SELECT name, balance, tags FROM customers WHERE id = ?")) {
            for (int n = 1; n <= 20; n++) {
                one.setInt(1, n);
                try (ResultSet rows = one.executeQuery()) {
                    while (rows.next()) {
                        System.out.println("prepared " + n + " " + rows.getString(1) + " " + rows.getBigDecimal(2) + " "
                            + Arrays.toString((Object[]) rows.getArray(3).getArray()));
                    }
                }
                serverSide |= one.unwrap(PGStatement.class).isUseServerPrepare();
            }
        }
        System.out.println("server-side " + serverSide);
        connection.setAutoCommit(false);
        try (Statement statement = connection.createStatement()) {
            statement.execute("CREATE TEMP TABLE t (n int, s text)");
        }
        try (PreparedStatement insert = connection.prepareStatement("INSERT INTO t VALUES (?, ?)")) {
            for (int n = 0; n < 50; n++) {
                insert.setInt(1, n);
                insert.setString(2, "é" + n);
                insert.addBatch();
            }
            System.out.println("batch " + insert.executeBatch().length);
        }
        try (Statement statement = connection.createStatement()) {
            statement.setFetchSize(100);
            int count = 0;
            long digest = 7;
            try (ResultSet rows = statement.executeQuery("SELECT * FROM customers ORDER BY id")) {
                while (rows.next()) {
                    count++;
                    for (int column = 1; column <= rows.getMetaData().getColumnCount(); column++) {
                        String value = rows.getString(column);
                        digest = digest * 31 + (value == null ? 0 : value.hashCode());
                    }
                }
            }
            System.out.println("fetched " + count + " " + digest);
        }
        connection.commit();
        connection.setAutoCommit(true);
        try (Statement statement = connection.createStatement()) {
            statement.executeQuery("SELECT 1/0");
        } catch (SQLException error) {
            System.out.println("error " + error.getSQLState());
        }
        StringWriter copied = new StringWriter();
        System.out.println("copied "
            + connection.unwrap(PGConnection.class).getCopyAPI().copyOut("COPY orders TO STDOUT", copied)
            + " " + copied.toString().hashCode());
        try (Statement statement = connection.createStatement()) {
            statement.setQueryTimeout(1);
            statement.execute("SELECT pg_sleep(30)");
        } catch (SQLException error) {
            System.out.println("timeout " + error.getSQLState());
        }
        alive(connection);
    }

    /** [INSERT, blocked] in one transaction: nothing may stay; the next transaction works. */
    static void blocked(Connection connection) throws Exception {
        connection.setAutoCommit(false);
        try (PreparedStatement insert = connection.prepareStatement("INSERT INTO scratch (marker) VALUES (?)");
                Statement statement = connection.createStatement()) {
            insert.setString(1, System.getenv("MARKER"));
            insert.executeUpdate();
            try {
                statement.execute("DROP TABLE orders");
                System.out.println("not refused");
            } catch (SQLException error) {
                System.out.println("refused " + error.getSQLState() + " " + error.getMessage().replace('\n', ' '));
            }
        }
        try {
            connection.commit();
            System.out.println("committed or rolled back");
        } catch (SQLException error) {
            System.out.println("commit refused " + error.getSQLState());
        }
        connection.rollback();
        connection.setAutoCommit(true);
        alive(connection);
    }

    /** Runs what standard input says: `run TAB text TAB values…`, one at a time in a thread of its own, or `cancel`. */
    static void commands(Connection connection) throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PreparedStatement[] running = new PreparedStatement[1];
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            if (line.equals("cancel")) {
                running[0].cancel();
                continue;
            }
            String[] words = line.split("\t", -1);
            PreparedStatement statement = connection.prepareStatement(words[1]);
            for (int n = 2; n < words.length; n++) {
                statement.setString(n - 1, words[n]);
            }
            running[0] = statement;
            new Thread(() -> {
                try (statement) {
                    statement.execute();
                    System.out.println("DONE 00000");
                } catch (SQLException error) {
                    System.out.println("DONE " + error.getSQLState() + " " + error.getMessage().replace('\n', ' '));
                }
                System.out.flush();
            }).start();
        }
    }

    static void alive(Connection connection) throws Exception {
        try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery("SELECT 1")) {
            rows.next();
            System.out.println("alive " + rows.getInt(1));
        }
    }
}
