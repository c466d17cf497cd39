package dev.switchboard.gateway.store;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.switchboard.gateway.fleet.ModelSpec;
import dev.switchboard.gateway.identity.ApiKey;
import dev.switchboard.gateway.identity.Caller;
import dev.switchboard.gateway.identity.Consumption;
import dev.switchboard.gateway.identity.Quotas;
import dev.switchboard.gateway.identity.Tenant;
import dev.switchboard.gateway.routing.RouteSpec;
import dev.switchboard.gateway.slo.Objective;
import dev.switchboard.gateway.slo.SloConfig.SloClass;
import dev.switchboard.gateway.slo.SloFigures;
import dev.switchboard.gateway.slo.SloMeter;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Types;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Every statement of the store; each takes its values as parameters. */
final class Tables {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final long KEEP_WRITERS_MS = 90L * 86_400_000;

  private final Connection connection;

  Tables(Connection connection) {
    this.connection = connection;
  }

  @FunctionalInterface
  private interface Row<T> {
    T read(ResultSet row) throws SQLException;
  }

  // ------------------------------------------------------------------ snapshot

  long revision() throws SQLException {
    return one("SELECT revision FROM store_revision WHERE id = 1", row -> row.getLong(1), 0L);
  }

  void advance() throws SQLException {
    update("UPDATE store_revision SET revision = revision + 1 WHERE id = 1");
  }

  /**
   * @param gateway whose models are wanted; null for none
   */
  Snapshot snapshot(@Nullable String gateway) throws SQLException {
    // The revision first: a change between the statements then only means one more read.
    long revision = revision();
    return new Snapshot(revision, keys(), tenants(), classes(), routes(), models(gateway));
  }

  // ------------------------------------------------------------------ keys

  private static final String KEY =
      "SELECT id, name, tenant, role, sha256, created_ms, expires_ms, beginning, created_by,"
          + " may_delegate FROM api_key";

  private List<ApiKey> keys() throws SQLException {
    return all(KEY + " ORDER BY created_ms, id", Tables::key);
  }

  @Nullable ApiKey key(String id) throws SQLException {
    return one(KEY + " WHERE id = ?", Tables::key, null, id);
  }

  @Nullable ApiKey keyNamed(String name) throws SQLException {
    return one(KEY + " WHERE name = ?", Tables::key, null, name);
  }

  private static ApiKey key(ResultSet row) throws SQLException {
    long expires = row.getLong(7);
    boolean forever = row.wasNull();
    return new ApiKey(
        row.getString(1),
        row.getString(2),
        row.getString(3),
        Caller.Role.of(row.getString(4)),
        row.getString(5),
        row.getLong(6),
        forever ? null : (Long) expires,
        new ApiKey.Facts(row.getString(8), row.getString(9), row.getInt(10) != 0));
  }

  void insert(ApiKey key) throws SQLException {
    update(
        "INSERT INTO api_key (id, name, tenant, role, sha256, created_ms, expires_ms, beginning,"
            + " created_by, may_delegate) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        key.id(),
        key.name(),
        key.tenant(),
        key.role().label(),
        key.sha256(),
        key.createdMs(),
        key.expiresMs(),
        key.facts().beginning(),
        key.facts().createdBy(),
        key.facts().mayDelegate() ? 1 : 0);
    count(key.role());
  }

  /** Has a key that is rotated end at a moment, unless it ends before. */
  void expire(String id, long atMs) throws SQLException {
    update(
        "UPDATE api_key SET granted_ms = CASE WHEN rotated = 0 THEN expires_ms ELSE granted_ms END,"
            + " rotated = 1, expires_ms = CASE WHEN expires_ms < ? THEN expires_ms ELSE ? END"
            + " WHERE id = ?",
        atMs,
        atMs,
        id);
  }

  /** When a key would end had it never been rotated, epoch milliseconds; null for never. */
  @Nullable Long granted(String id) throws SQLException {
    return one(
        "SELECT CASE WHEN rotated = 0 THEN expires_ms ELSE granted_ms END FROM api_key"
            + " WHERE id = ?",
        row -> row.getObject(1, Long.class),
        null,
        id);
  }

  /** A key was used; the latest moment stays. */
  void used(String id, long atMs) throws SQLException {
    if (update(
            "UPDATE key_use SET last_used_ms = CASE WHEN last_used_ms > ? THEN last_used_ms"
                + " ELSE ? END WHERE id = ?",
            atMs,
            atMs,
            id)
        == 0) {
      // One that was revoked meanwhile is forgotten.
      update(
          "INSERT INTO key_use (id, last_used_ms) SELECT CAST(? AS VARCHAR), CAST(? AS BIGINT)"
              + " WHERE EXISTS (SELECT 1 FROM api_key WHERE id = ?)",
          id,
          atMs,
          id);
    }
  }

  /** When keys were last used, by id. */
  Map<String, Long> lastUses() throws SQLException {
    Map<String, Long> uses = new HashMap<>();
    for (Map.Entry<String, Long> each :
        all(
            "SELECT id, last_used_ms FROM key_use",
            row -> Map.entry(row.getString(1), row.getLong(2)))) {
      uses.put(each.getKey(), each.getValue());
    }
    return uses;
  }

  /** Revokes a key, if it is there. */
  void deleteKey(String id) throws SQLException {
    ApiKey was = key(id);
    if (was != null) {
      update("DELETE FROM api_key WHERE id = ?", id);
      update("DELETE FROM key_use WHERE id = ?", id);
      count(was.role());
    }
  }

  private void count(Caller.Role role) throws SQLException {
    long keys =
        one("SELECT COUNT(*) FROM api_key WHERE role = ?", row -> row.getLong(1), 0L, role.label());
    counted(role, (int) keys);
  }

  /** Writes how many keys of a role there are. */
  void counted(Caller.Role role, int keys) throws SQLException {
    if (update("UPDATE key_count SET number_of_keys = ? WHERE role = ?", keys, role.label()) == 0) {
      update("INSERT INTO key_count (role, number_of_keys) VALUES (?, ?)", role.label(), keys);
    }
  }

  /** How many keys of each role there should be; a role that never had any is missing. */
  Map<Caller.Role, Integer> keyCounts() throws SQLException {
    Map<Caller.Role, Integer> counts = new EnumMap<>(Caller.Role.class);
    for (Map.Entry<Caller.Role, Integer> each :
        all(
            "SELECT role, number_of_keys FROM key_count",
            row -> Map.entry(Caller.Role.of(row.getString(1)), row.getInt(2)))) {
      counts.put(each.getKey(), each.getValue());
    }
    return counts;
  }

  // ------------------------------------------------------------------ tenants

  private static final String TENANT =
      "SELECT name, weight, requests_per_minute, tokens_per_minute, max_concurrency,"
          + " tokens_per_day, tokens_per_month, max_priority, trace_content_bytes FROM tenant";

  private List<Tenant> tenants() throws SQLException {
    return all(TENANT + " ORDER BY name", Tables::tenant);
  }

  @Nullable Tenant tenant(String name) throws SQLException {
    return one(TENANT + " WHERE name = ?", Tables::tenant, null, name);
  }

  private static Tenant tenant(ResultSet row) throws SQLException {
    return new Tenant(
        row.getString(1),
        row.getDouble(2),
        row.getLong(3),
        row.getLong(4),
        row.getInt(5),
        row.getLong(6),
        row.getLong(7),
        row.getInt(8),
        row.getInt(9));
  }

  void put(Tenant tenant) throws SQLException {
    deleteTenant(tenant.name());
    update(
        "INSERT INTO tenant (name, weight, requests_per_minute, tokens_per_minute,"
            + " max_concurrency, tokens_per_day, tokens_per_month, max_priority,"
            + " trace_content_bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        tenant.name(),
        tenant.weight(),
        tenant.requestsPerMinute(),
        tenant.tokensPerMinute(),
        tenant.maxConcurrency(),
        tenant.tokensPerDay(),
        tenant.tokensPerMonth(),
        tenant.maxPriority(),
        tenant.traceContentBytes());
  }

  void deleteTenant(String name) throws SQLException {
    update("DELETE FROM tenant WHERE name = ?", name);
  }

  // ------------------------------------------------------------------ service classes

  private static final String CLASS =
      "SELECT name, ttft_ms, tpot_ms, deadline_ms, priority, objective, window_days FROM slo_class";

  private List<SloClass> classes() throws SQLException {
    return all(CLASS + " ORDER BY name", Tables::sloClass);
  }

  @Nullable SloClass sloClass(String name) throws SQLException {
    return one(CLASS + " WHERE name = ?", Tables::sloClass, null, name);
  }

  private static SloClass sloClass(ResultSet row) throws SQLException {
    return new SloClass(
        row.getString(1),
        row.getInt(2),
        row.getDouble(3),
        row.getInt(4),
        row.getInt(5),
        row.getDouble(6),
        row.getInt(7));
  }

  void put(SloClass sloClass) throws SQLException {
    deleteClass(sloClass.name());
    update(
        "INSERT INTO slo_class (name, ttft_ms, tpot_ms, deadline_ms, priority, objective,"
            + " window_days) VALUES (?, ?, ?, ?, ?, ?, ?)",
        sloClass.name(),
        sloClass.ttftMs(),
        sloClass.tpotMs(),
        sloClass.deadlineMs(),
        sloClass.priority(),
        sloClass.objective(),
        sloClass.windowDays());
  }

  void deleteClass(String name) throws SQLException {
    update("DELETE FROM slo_class WHERE name = ?", name);
  }

  // ------------------------------------------------------------------ routes

  private List<RouteSpec> routes() throws SQLException {
    return all("SELECT spec FROM route ORDER BY name", row -> read(row.getString(1)));
  }

  @Nullable RouteSpec route(String name) throws SQLException {
    return one("SELECT spec FROM route WHERE name = ?", row -> read(row.getString(1)), null, name);
  }

  private static RouteSpec read(String spec) throws SQLException {
    try {
      return JSON.readValue(spec, RouteSpec.class);
    } catch (JsonProcessingException e) {
      throw new SQLException("a stored route is none: " + e.getOriginalMessage(), e);
    }
  }

  void put(RouteSpec route) throws SQLException {
    deleteRoute(route.name());
    try {
      update(
          "INSERT INTO route (name, spec) VALUES (?, ?)",
          route.name(),
          JSON.writeValueAsString(route));
    } catch (JsonProcessingException e) {
      throw new SQLException("a route is always JSON", e);
    }
  }

  void deleteRoute(String name) throws SQLException {
    update("DELETE FROM route WHERE name = ?", name);
  }

  // ------------------------------------------------------------------ models

  private List<ModelSetting> models(@Nullable String gateway) throws SQLException {
    return gateway == null
        ? List.of()
        : all(
            "SELECT name, spec FROM model_setting WHERE gateway = ? ORDER BY name",
            Tables::model,
            gateway);
  }

  @Nullable ModelSetting model(String gateway, String name) throws SQLException {
    return one(
        "SELECT name, spec FROM model_setting WHERE gateway = ? AND name = ?",
        Tables::model,
        null,
        gateway,
        name);
  }

  private static ModelSetting model(ResultSet row) throws SQLException {
    String spec = row.getString(2);
    try {
      return new ModelSetting(
          row.getString(1), spec == null ? null : JSON.readValue(spec, ModelSpec.class));
    } catch (JsonProcessingException e) {
      throw new SQLException("a stored model is none: " + e.getOriginalMessage(), e);
    }
  }

  void put(String gateway, ModelSetting setting) throws SQLException {
    deleteModel(gateway, setting.name());
    try {
      update(
          "INSERT INTO model_setting (gateway, name, spec) VALUES (?, ?, ?)",
          gateway,
          setting.name(),
          setting.spec() == null ? null : JSON.writeValueAsString(setting.spec()));
    } catch (JsonProcessingException e) {
      throw new SQLException("a model is always JSON", e);
    }
  }

  void deleteModel(String gateway, String name) throws SQLException {
    update("DELETE FROM model_setting WHERE gateway = ? AND name = ?", gateway, name);
  }

  // ------------------------------------------------------------------ replicas

  List<ReplicaSetting> replicas(String gateway) throws SQLException {
    return all(
        "SELECT replica, cordoned, weight, configured_weight FROM replica_setting"
            + " WHERE gateway = ? ORDER BY replica",
        Tables::replica,
        gateway);
  }

  private static ReplicaSetting replica(ResultSet row) throws SQLException {
    double weight = row.getDouble(3);
    boolean configured = row.wasNull();
    return new ReplicaSetting(
        row.getString(1),
        row.getInt(2) != 0,
        configured ? null : (Double) weight,
        row.getDouble(4));
  }

  /** Keeps what was set at a replica; nothing is kept of one that is as it is configured. */
  void put(String gateway, ReplicaSetting setting) throws SQLException {
    update(
        "DELETE FROM replica_setting WHERE gateway = ? AND replica = ?",
        gateway,
        setting.replica());
    if (setting.cordoned() || setting.weight() != null) {
      update(
          "INSERT INTO replica_setting (gateway, replica, cordoned, weight, configured_weight)"
              + " VALUES (?, ?, ?, ?, ?)",
          gateway,
          setting.replica(),
          setting.cordoned() ? 1 : 0,
          setting.weight(),
          setting.configuredWeight());
    }
  }

  // ------------------------------------------------------------------ audit

  /** Keeps an entry, once however often it is tried. */
  void insert(AuditEntry entry) throws SQLException {
    if (one("SELECT id FROM audit WHERE entry = ?", row -> row.getLong(1), null, entry.entry())
        != null) {
      return;
    }
    update(
        "INSERT INTO audit (entry, at_ms, actor, actor_role, source, action, target, status, code,"
            + " before_json, after_json, reason, on_behalf_of)"
            + " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        entry.entry(),
        entry.atMs(),
        text(entry.actor(), 64),
        text(entry.role(), 16),
        text(entry.source(), 64),
        text(entry.action(), 128),
        text(entry.target(), 256),
        entry.status(),
        textOrNull(entry.code(), 64),
        textOrNull(entry.before(), AuditEntry.MOST_JSON_CHARS),
        textOrNull(entry.after(), AuditEntry.MOST_JSON_CHARS),
        textOrNull(entry.why().reason(), 512),
        textOrNull(entry.why().onBehalfOf(), 128));
  }

  /** Newest first. */
  List<AuditEntry> audit(AuditQuery query) throws SQLException {
    StringBuilder sql =
        new StringBuilder(
            "SELECT id, entry, at_ms, actor, actor_role, source, action, target, status, code,"
                + " before_json, after_json, reason, on_behalf_of FROM audit"
                + " WHERE id < ? AND at_ms >= ? AND at_ms < ?");
    List<Object> values = new ArrayList<>(List.of(query.beforeId(), query.fromMs(), query.toMs()));
    also(sql, values, "actor = ?", query.actor());
    also(sql, values, "target = ?", query.target());
    also(sql, values, "on_behalf_of = ?", query.onBehalfOf());
    also(sql, values, "status = ?", query.status() == 0 ? null : query.status());
    also(sql, values, "POSITION(? IN action) > 0", query.action());
    also(sql, values, "POSITION(LOWER(?) IN LOWER(reason)) > 0", query.reason());
    values.add(query.limit());
    return all(
        sql.append(" ORDER BY id DESC LIMIT ?").toString(), Tables::auditEntry, values.toArray());
  }

  private static void also(
      StringBuilder sql, List<Object> values, String condition, @Nullable Object value) {
    if (value != null) {
      sql.append(" AND ").append(condition);
      values.add(value);
    }
  }

  private static AuditEntry auditEntry(ResultSet row) throws SQLException {
    return new AuditEntry(
        row.getLong(1),
        row.getString(2),
        row.getLong(3),
        row.getString(4),
        row.getString(5),
        row.getString(6),
        row.getString(7),
        row.getString(8),
        row.getInt(9),
        row.getString(10),
        row.getString(11),
        row.getString(12),
        new AuditEntry.Why(row.getString(13), row.getString(14)));
  }

  // ------------------------------------------------------------------ gateways

  /** A gateway was heard. */
  void put(GatewayCard card) throws SQLException {
    if (update(
            "UPDATE gateway SET heard_ms = ?, about_json = ? WHERE id = ?",
            card.heardMs(),
            card.about(),
            card.id())
        == 0) {
      update(
          "INSERT INTO gateway (id, heard_ms, about_json) VALUES (?, ?, ?)",
          card.id(),
          card.heardMs(),
          card.about());
    }
  }

  /** Forgets a gateway that has ended. */
  void deleteGateway(String id) throws SQLException {
    update("DELETE FROM gateway WHERE id = ?", id);
  }

  /** Forgets gateways that were not heard since. */
  void pruneGateways(long oldestMs) throws SQLException {
    update("DELETE FROM gateway WHERE heard_ms < ?", oldestMs);
  }

  List<GatewayCard> gateways() throws SQLException {
    return all(
        "SELECT id, heard_ms, about_json FROM gateway",
        row -> new GatewayCard(row.getString(1), row.getLong(2), row.getString(3)));
  }

  // ------------------------------------------------------------------ events

  /** Keeps an event, once however often it is tried. */
  void insert(StoredEvent event) throws SQLException {
    update(
        "INSERT INTO event (gateway, id, at_ms, type, data_json) SELECT CAST(? AS VARCHAR),"
            + " CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS VARCHAR), CAST(? AS VARCHAR)"
            + " WHERE NOT EXISTS (SELECT 1 FROM event WHERE gateway = ? AND id = ?)",
        event.gateway(),
        event.id(),
        event.atMs(),
        event.type(),
        event.data(),
        event.gateway(),
        event.id());
  }

  /** Newest first. */
  List<StoredEvent> events(EventQuery query) throws SQLException {
    StringBuilder sql =
        new StringBuilder(
            "SELECT gateway, id, at_ms, type, data_json FROM event WHERE at_ms >= ? AND at_ms < ?");
    List<Object> values = new ArrayList<>(List.of(query.fromMs(), query.toMs()));
    EventQuery.Place before = query.before();
    if (before != null) {
      sql.append(" AND (at_ms < ? OR (at_ms = ? AND id < ?))");
      values.addAll(List.of(before.atMs(), before.atMs(), before.id()));
    }
    if (!query.types().isEmpty()) {
      sql.append(" AND type IN (?").append(", ?".repeat(query.types().size() - 1)).append(')');
      values.addAll(query.types());
    }
    values.add(query.limit());
    return all(
        sql.append(" ORDER BY at_ms DESC, id DESC LIMIT ?").toString(),
        row ->
            new StoredEvent(
                row.getString(1),
                row.getLong(2),
                row.getLong(3),
                row.getString(4),
                row.getString(5)),
        values.toArray());
  }

  /** Forgets events of earlier times, and of the rest the oldest, so that so many are left. */
  void pruneEvents(long oldestMs, int most) throws SQLException {
    update("DELETE FROM event WHERE at_ms < ?", oldestMs);
    long first =
        one(
            "SELECT at_ms FROM event ORDER BY at_ms DESC LIMIT 1 OFFSET ?",
            row -> row.getLong(1),
            Long.MIN_VALUE,
            most - 1);
    update("DELETE FROM event WHERE at_ms < ?", first);
  }

  // ------------------------------------------------------------------ requests

  /** Requests of interest of a gateway. */
  RequestTable requests(String gateway) {
    return new RequestTable(connection, gateway);
  }

  // ------------------------------------------------------------------ usage

  /** Says that a gateway that writes usage is there; those that were not for long are forgotten. */
  void beat(String instance, long nowMs) throws SQLException {
    if (update("UPDATE usage_writer SET updated_ms = ? WHERE instance = ?", nowMs, instance) == 0) {
      introduce(instance, 0, nowMs);
    }
    update("DELETE FROM usage_writer WHERE updated_ms < ?", nowMs - KEEP_WRITERS_MS);
  }

  private void introduce(String instance, long batch, long nowMs) throws SQLException {
    update(
        "INSERT INTO usage_writer (instance, last_batch, updated_ms) VALUES (?, ?, ?)",
        instance,
        batch,
        nowMs);
  }

  /**
   * Takes a batch as the last one that was written; false when it is that already.
   *
   * <p>A gateway goes on to its next batch only when the one before is known to be written, so the
   * database has either this number or the one before. Any other stands there, or none, because the
   * database is not the one that was written to: it was restored, another server took over, or the
   * row was dropped. Then this batch is not in it. That holds for a higher number, too: the gateway
   * has never counted so far, so the number was written by a copy of this process, as when a
   * virtual machine is resumed twice, and what the copy counted is not what this one did.
   */
  boolean claim(String instance, long batch, long nowMs) throws SQLException {
    // An update first: it waits for an earlier try whose commit the server has not yet decided.
    if (update(
            "UPDATE usage_writer SET last_batch = ?, updated_ms = ?"
                + " WHERE instance = ? AND last_batch <> ?",
            batch,
            nowMs,
            instance,
            batch)
        > 0) {
      return true;
    }
    boolean there =
        one("SELECT last_batch FROM usage_writer WHERE instance = ?", row -> true, false, instance);
    if (!there) {
      introduce(instance, batch, nowMs);
    }
    return !there;
  }

  void add(Consumption used) throws SQLException {
    int updated =
        update(
            "UPDATE usage_hour SET requests = requests + ?, prompt_tokens = prompt_tokens + ?,"
                + " cached_tokens = cached_tokens + ?, output_tokens = output_tokens + ?"
                + " WHERE tenant = ? AND hour_ms = ?",
            used.requests(),
            used.promptTokens(),
            used.cachedTokens(),
            used.outputTokens(),
            used.tenant(),
            used.hourMs());
    if (updated == 0) {
      update(
          "INSERT INTO usage_hour (tenant, hour_ms, requests, prompt_tokens, cached_tokens,"
              + " output_tokens) VALUES (?, ?, ?, ?, ?, ?)",
          used.tenant(),
          used.hourMs(),
          used.requests(),
          used.promptTokens(),
          used.cachedTokens(),
          used.outputTokens());
    }
  }

  /** Usage of hours that begin within [from, to), by hour and tenant. */
  List<Consumption> usage(long fromMs, long toMs, @Nullable String tenant, int limit, int offset)
      throws SQLException {
    return all(
        "SELECT tenant, hour_ms, requests, prompt_tokens, cached_tokens, output_tokens"
            + " FROM usage_hour WHERE hour_ms >= ? AND hour_ms < ? AND (tenant = ? OR ? = '')"
            + " ORDER BY hour_ms, tenant LIMIT ? OFFSET ?",
        row ->
            new Consumption(
                row.getString(1),
                row.getLong(2),
                row.getLong(3),
                row.getLong(4),
                row.getLong(5),
                row.getLong(6)),
        fromMs,
        toMs,
        tenant == null ? "" : tenant,
        tenant == null ? "" : tenant,
        limit,
        offset);
  }

  /** What the tenants that have quotas used since a day and since a month began. */
  List<Quotas.Spent> spent(long dayMs, long monthMs) throws SQLException {
    return all(
        "SELECT tenant, SUM(CASE WHEN hour_ms >= ? THEN prompt_tokens + output_tokens ELSE 0 END),"
            + " SUM(prompt_tokens + output_tokens) FROM usage_hour WHERE hour_ms >= ?"
            + " AND tenant IN (SELECT name FROM tenant WHERE tokens_per_day > 0"
            + " OR tokens_per_month > 0) GROUP BY tenant",
        row -> new Quotas.Spent(row.getString(1), dayMs, row.getLong(2), monthMs, row.getLong(3)),
        dayMs,
        monthMs);
  }

  /** Forgets what the audit log and the account of usage say of earlier times. */
  void prune(long auditMs, long usageMs) throws SQLException {
    update("DELETE FROM audit WHERE at_ms < ?", auditMs);
    update("DELETE FROM usage_hour WHERE hour_ms < ?", usageMs);
  }

  // ------------------------------------------------------------------ service levels

  /** Of each objective, in their order. */
  private static final List<String> KEPT_COLUMNS =
      List.of(
          "availability_met",
          "availability_missed",
          "ttft_met",
          "ttft_missed",
          "tpot_met",
          "tpot_missed",
          "deadline_met",
          "deadline_missed");

  private static final String KEPT = String.join(", ", KEPT_COLUMNS);

  /** Writes a part as it is now, in the place of what it was. */
  void put(String instance, SloMeter.Part part) throws SQLException {
    List<Object> counts = new ArrayList<>();
    for (Objective objective : Objective.values()) {
      SloFigures.Kept kept = part.figures().kept().get(objective);
      counts.add(kept == null ? 0L : kept.met(0));
      counts.add(kept == null ? 0L : kept.missed(0));
    }
    String text = SloCodec.text(part.figures());
    Object[] values = with(counts, instance, part.number());
    if (update("UPDATE slo_hour SET " + KEPT.replace(",", " = ?,") + " = ?" + PART, values) == 0) {
      update(
          "INSERT INTO slo_hour ("
              + KEPT
              + ", instance, part, hour_ms, model, slo_class)"
              + " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
          with(counts, instance, part.number(), part.hourMs(), part.model(), part.sloClass()));
    }
    if (update("UPDATE slo_figures SET figures_json = ?" + PART, text, instance, part.number())
        == 0) {
      update(
          "INSERT INTO slo_figures (instance, part, hour_ms, figures_json) VALUES (?, ?, ?, ?)",
          instance,
          part.number(),
          part.hourMs(),
          text);
    }
  }

  private static final String PART = " WHERE instance = ? AND part = ?";

  private static Object[] with(List<Object> first, Object... more) {
    List<Object> all = new ArrayList<>(first);
    all.addAll(List.of(more));
    return all.toArray();
  }

  /** By hour, model and class. */
  List<SloHour> sloHours(SloQuery query) throws SQLException {
    StringBuilder wanted = new StringBuilder("SELECT hour_ms, model, slo_class FROM slo_hour");
    List<Object> values = new ArrayList<>();
    within(query, wanted, values);
    wanted
        .append(" GROUP BY hour_ms, model, slo_class ORDER BY hour_ms, model, slo_class")
        .append(" LIMIT ? OFFSET ?");
    values.addAll(List.of(query.limit(), query.offset()));
    List<SloHour> parts =
        all(
            "SELECT h.hour_ms, h.model, h.slo_class, f.figures_json FROM ("
                + wanted
                + ") k JOIN slo_hour h ON h.hour_ms = k.hour_ms AND h.model = k.model"
                + " AND h.slo_class = k.slo_class JOIN slo_figures f ON f.instance = h.instance"
                + " AND f.part = h.part ORDER BY h.hour_ms, h.model, h.slo_class",
            Tables::sloHour,
            values.toArray());
    return merged(parts);
  }

  private static void within(SloQuery query, StringBuilder sql, List<Object> values) {
    sql.append(" WHERE hour_ms >= ? AND hour_ms < ?");
    values.addAll(List.of(query.fromMs(), query.toMs()));
    also(sql, values, "model = ?", query.model());
    also(sql, values, "slo_class = ?", query.sloClass());
  }

  private static SloHour sloHour(ResultSet row) throws SQLException {
    return new SloHour(
        row.getLong(1), row.getString(2), row.getString(3), SloCodec.figures(row.getString(4)));
  }

  /** Adds up what follows each other and is of the same hour, model and class. */
  private static List<SloHour> merged(List<SloHour> parts) {
    List<SloHour> merged = new ArrayList<>();
    for (SloHour part : parts) {
      if (!merged.isEmpty() && merged.getLast().sameAs(part)) {
        merged.getLast().figures().add(part.figures());
      } else {
        merged.add(part);
      }
    }
    return merged;
  }

  /** Adds what happened until a moment to sums that begin at earlier ones. */
  void addUp(List<SloSums> sums, long toMs, @Nullable String model) throws SQLException {
    long firstMs = sums.stream().mapToLong(SloSums::firstHourMs).min().orElse(toMs);
    StringBuilder sql = new StringBuilder("SELECT hour_ms, slo_class");
    for (String column : KEPT_COLUMNS) {
      sql.append(", SUM(").append(column).append(')');
    }
    sql.append(" FROM slo_hour");
    List<Object> values = new ArrayList<>();
    within(new SloQuery(firstMs, toMs, model, null, 0, 0), sql, values);
    List<Boolean> _ =
        all(
            sql.append(" GROUP BY hour_ms, slo_class").toString(),
            row -> addUp(sums, row),
            values.toArray());
    for (long hour : sums.stream().mapToLong(SloSums::firstHourMs).distinct().toArray()) {
      List<SloHour> first =
          sloHours(new SloQuery(hour, hour + 1, model, null, Integer.MAX_VALUE, 0));
      sums.forEach(sum -> first.forEach(sum::addFirst));
    }
  }

  private static boolean addUp(List<SloSums> sums, ResultSet row) throws SQLException {
    long[] met = new long[Objective.values().length];
    long[] missed = new long[met.length];
    for (int i = 0; i < met.length; i++) {
      met[i] = row.getLong(3 + 2 * i);
      missed[i] = row.getLong(4 + 2 * i);
    }
    for (SloSums sum : sums) {
      sum.add(row.getString(2), row.getLong(1), met, missed);
    }
    return true;
  }

  /** Forgets hours that began before a moment. */
  void pruneSlo(long oldestMs) throws SQLException {
    update("DELETE FROM slo_hour WHERE hour_ms < ?", oldestMs);
    update("DELETE FROM slo_figures WHERE hour_ms < ?", oldestMs);
  }

  // ------------------------------------------------------------------ statements

  private <T> List<T> all(String sql, Row<T> reader, @Nullable Object... values)
      throws SQLException {
    try (PreparedStatement statement = bound(sql, values);
        ResultSet rows = statement.executeQuery()) {
      List<T> found = new ArrayList<>();
      while (rows.next()) {
        found.add(reader.read(rows));
      }
      return found;
    }
  }

  private <T extends @Nullable Object> T one(
      String sql, Row<T> reader, T otherwise, @Nullable Object... values) throws SQLException {
    try (PreparedStatement statement = bound(sql, values);
        ResultSet rows = statement.executeQuery()) {
      return rows.next() ? reader.read(rows) : otherwise;
    }
  }

  private int update(String sql, @Nullable Object... values) throws SQLException {
    try (PreparedStatement statement = bound(sql, values)) {
      return statement.executeUpdate();
    }
  }

  private PreparedStatement bound(String sql, @Nullable Object... values) throws SQLException {
    return bound(connection, sql, values);
  }

  /** A statement with its values. */
  static PreparedStatement bound(Connection connection, String sql, @Nullable Object... values)
      throws SQLException {
    PreparedStatement statement = connection.prepareStatement(sql);
    try {
      for (int i = 0; i < values.length; i++) {
        bind(statement, i + 1, values[i]);
      }
      return statement;
    } catch (SQLException e) {
      statement.close();
      throw e;
    }
  }

  /**
   * Text that a column of so many characters takes, whatever was sent: cut, and with a question
   * mark for a NUL or half a pair of surrogates.
   */
  static String text(String sent, int mostChars) {
    String clipped = sent.length() <= mostChars ? sent : sent.substring(0, mostChars);
    String whole = new String(clipped.getBytes(StandardCharsets.UTF_8), StandardCharsets.UTF_8);
    return whole.replace('\0', '?');
  }

  private static @Nullable String textOrNull(@Nullable String sent, int mostChars) {
    return sent == null ? null : text(sent, mostChars);
  }

  private static void bind(PreparedStatement statement, int index, @Nullable Object value)
      throws SQLException {
    switch (value) {
      case null -> statement.setNull(index, Types.NULL);
      case Long number -> statement.setLong(index, number);
      case Integer number -> statement.setInt(index, number);
      case Double number -> statement.setDouble(index, number);
      default -> statement.setString(index, value.toString());
    }
  }
}
