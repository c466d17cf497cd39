package dev.switchboard.gateway.store;

import dev.switchboard.gateway.flight.FlightQuery;
import dev.switchboard.gateway.flight.StoredFlight;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Statements on the requests of interest of one gateway; each takes its values as parameters. */
final class RequestTable {
  private static final String COLUMNS =
      "id, model, slo_class, tenant, outcome, status, replicas, accepted_ns, ended_ns, wall_ns,"
          + " missed, trace_id, waited_for, packed";

  /** Before and behind each name of a list, so that one can be looked for. */
  private static final String MARK = ",";

  private static final int MOST_NAMES = 60;

  private final Connection connection;
  private final String gateway;

  RequestTable(Connection connection, String gateway) {
    this.connection = connection;
    this.gateway = gateway;
  }

  /** Keeps a request, in the place of what was known of it before. */
  void put(StoredFlight flight) throws SQLException {
    String packed = Base64.getEncoder().encodeToString(flight.packed());
    int updated =
        update(
            "UPDATE request SET waited_for = ?, packed = ?"
                + " WHERE gateway = ? AND id = ? AND ended_ns = ?",
            list(flight.waitedFor()),
            packed,
            gateway,
            flight.id(),
            flight.endedNanos());
    if (updated == 0) {
      update(
          "INSERT INTO request ("
              + COLUMNS
              + ", gateway, format) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
          flight.id(),
          Tables.text(flight.model(), 512),
          Tables.text(flight.sloClass(), 64),
          Tables.text(flight.tenant(), 64),
          flight.outcome(),
          flight.status(),
          list(flight.replicas()),
          flight.acceptedNanos(),
          flight.endedNanos(),
          flight.wallNanos(),
          flight.missed() ? 1 : 0,
          flight.traceId(),
          list(flight.waitedFor()),
          packed,
          gateway,
          StoredFlight.FORMAT);
    }
  }

  private static String list(List<String> names) {
    return names.isEmpty()
        ? ""
        : MARK + String.join(MARK, names.stream().limit(MOST_NAMES).toList()) + MARK;
  }

  private static List<String> names(String list) {
    return list.isEmpty() ? List.of() : List.of(list.substring(1).split(MARK));
  }

  /** The newest first, behind those that were told before. */
  StoredRequests find(FlightQuery query, long before) throws SQLException {
    StringBuilder sql = new StringBuilder("SELECT " + COLUMNS + ", number FROM request");
    sql.append(" WHERE gateway = ? AND format = ? AND number < ?");
    List<Object> values = new ArrayList<>(List.of(gateway, StoredFlight.FORMAT, before));
    also(sql, values, "model = ?", query.model());
    also(sql, values, "slo_class = ?", query.sloClass());
    also(sql, values, "tenant = ?", query.tenant());
    also(sql, values, "outcome = ?", query.outcome() == null ? null : query.outcome().label());
    also(sql, values, "status = ?", query.status() == 0 ? null : query.status());
    also(sql, values, "trace_id = ?", query.traceId());
    also(sql, values, "POSITION(? IN replicas) > 0", marked(query.replica()));
    also(sql, values, "POSITION(? IN waited_for) > 0", marked(query.waitedFor()));
    also(sql, values, "missed = ?", query.missed() ? 1 : null);
    also(sql, values, "wall_ns >= ?", query.minMs() * 1_000_000);
    also(sql, values, "accepted_ns >= ?", query.sinceNanos());
    also(sql, values, "accepted_ns < ?", query.untilNanos());
    values.add(query.limit());
    List<StoredFlight> found = new ArrayList<>();
    long last = 0;
    try (PreparedStatement statement =
            bound(sql.append(" ORDER BY number DESC LIMIT ?").toString(), values.toArray());
        ResultSet rows = statement.executeQuery()) {
      while (rows.next()) {
        found.add(flight(rows));
        last = rows.getLong(15);
      }
    }
    return new StoredRequests(found, found.size() < query.limit() ? 0 : last);
  }

  private static @Nullable String marked(@Nullable String name) {
    return name == null ? null : MARK + name + MARK;
  }

  private static void also(
      StringBuilder sql, List<Object> values, String condition, @Nullable Object value) {
    if (value != null) {
      sql.append(" AND ").append(condition);
      values.add(value);
    }
  }

  /** The last of an id; null where there is none. */
  @Nullable StoredFlight find(String id) throws SQLException {
    try (PreparedStatement statement =
            bound(
                "SELECT "
                    + COLUMNS
                    + " FROM request WHERE gateway = ? AND format = ? AND id = ?"
                    + " ORDER BY number DESC LIMIT 1",
                gateway,
                StoredFlight.FORMAT,
                id);
        ResultSet rows = statement.executeQuery()) {
      return rows.next() ? flight(rows) : null;
    }
  }

  private static StoredFlight flight(ResultSet row) throws SQLException {
    return new StoredFlight(
        row.getString(1),
        row.getString(2),
        row.getString(3),
        row.getString(4),
        row.getString(5),
        row.getInt(6),
        names(row.getString(7)),
        row.getLong(8),
        row.getLong(9),
        row.getLong(10),
        row.getInt(11) != 0,
        row.getString(12),
        names(row.getString(13)),
        Base64.getDecoder().decode(row.getString(14)));
  }

  /**
   * Forgets what ended before a moment, what this gateway cannot read, and of the rest the oldest,
   * so that no more are left than may be.
   */
  void prune(long oldestNanos, int mostRows, long mostBytes) throws SQLException {
    update(
        "DELETE FROM request WHERE gateway = ? AND (ended_ns < ? OR format <> ?)",
        gateway,
        oldestNanos,
        StoredFlight.FORMAT);
    long rows = 0;
    long bytes = 0;
    long first = 0;
    try (PreparedStatement statement =
            bound(
                "SELECT number, LENGTH(packed) FROM request WHERE gateway = ?"
                    + " ORDER BY number DESC",
                gateway);
        ResultSet found = statement.executeQuery()) {
      while (first == 0 && found.next()) {
        rows++;
        bytes += found.getLong(2);
        first = rows > mostRows || bytes > mostBytes ? found.getLong(1) : 0;
      }
    }
    if (first != 0) {
      update("DELETE FROM request WHERE gateway = ? AND number <= ?", gateway, first);
    }
  }

  private int update(String sql, @Nullable Object... values) throws SQLException {
    try (PreparedStatement statement = bound(sql, values)) {
      return statement.executeUpdate();
    }
  }

  private PreparedStatement bound(String sql, @Nullable Object... values) throws SQLException {
    return Tables.bound(connection, sql, values);
  }
}
