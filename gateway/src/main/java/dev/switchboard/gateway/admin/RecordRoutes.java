package dev.switchboard.gateway.admin;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import dev.switchboard.gateway.identity.Consumption;
import dev.switchboard.gateway.store.AuditEntry;
import dev.switchboard.gateway.store.AuditQuery;
import dev.switchboard.gateway.store.Store;
import io.vertx.core.Future;
import io.vertx.ext.web.RoutingContext;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletionStage;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/** What the store has recorded: the audit log, and usage by tenant and hour. */
final class RecordRoutes {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final long DAY_MS = 86_400_000;
  private static final int MOST_OFFSET = 10_000_000;

  private static final Set<String> AUDIT_PARAMETERS =
      Set.of(
          "limit",
          "before",
          "actor",
          "action",
          "target",
          "on_behalf_of",
          "reason",
          "status",
          "from",
          "to",
          "format");

  private final Store store;
  private final LongSupplier epochMs;

  private RecordRoutes(Store store, LongSupplier epochMs) {
    this.store = store;
    this.epochMs = epochMs;
  }

  static void add(AdminRouter router, Store store, LongSupplier epochMs) {
    RecordRoutes routes = new RecordRoutes(store, epochMs);
    router.read("/admin/v1/audit", routes::audit);
    router.read("/admin/v1/usage", routes::usage);
  }

  private void audit(RoutingContext context) {
    JsonInput.only(context, AUDIT_PARAMETERS);
    boolean csv = wantsCsv(context);
    then(
        context,
        store.audit(query(context)),
        entries -> {
          if (csv) {
            context
                .response()
                .putHeader("Content-Type", "text/csv; charset=utf-8")
                .putHeader("Content-Disposition", "attachment; filename=\"audit.csv\"")
                .end(AuditCsv.of(entries));
            return;
          }
          ObjectNode answer = JsonNodeFactory.instance.objectNode();
          ArrayNode array = answer.putArray("audit");
          entries.forEach(entry -> array.add(json(entry)));
          AdminRouter.json(context, answer.toString());
        });
  }

  private static AuditQuery query(RoutingContext context) {
    return new AuditQuery(
        JsonInput.query(context, "actor"),
        JsonInput.query(context, "action"),
        JsonInput.query(context, "target"),
        JsonInput.query(context, "on_behalf_of"),
        JsonInput.query(context, "reason"),
        JsonInput.number(context, "status", 100, 599, 0),
        JsonInput.moment(context, "from", Long.MIN_VALUE),
        JsonInput.moment(context, "to", Long.MAX_VALUE),
        JsonInput.number(context, "before", 1L, Long.MAX_VALUE, Long.MAX_VALUE),
        Page.limit(context));
  }

  private static boolean wantsCsv(RoutingContext context) {
    String accept = context.request().getHeader("Accept");
    String format = JsonInput.query(context, "format");
    if (format != null && !format.equals("csv") && !format.equals("json")) {
      throw JsonInput.refused("format", "must be json or csv");
    }
    return "csv".equals(format)
        || (format == null && accept != null && accept.startsWith("text/csv"));
  }

  private void usage(RoutingContext context) {
    int limit = Page.limit(context);
    int offset = JsonInput.number(context, "offset", 0, MOST_OFFSET, 0);
    long to = JsonInput.moment(context, "to", epochMs.getAsLong() + 1);
    long from = JsonInput.moment(context, "from", to - DAY_MS);
    @Nullable String tenant = JsonInput.query(context, "tenant");
    CompletionStage<List<Consumption>> found = store.usage(from, to, tenant, limit + 1, offset);
    then(
        context,
        found,
        used -> {
          ObjectNode answer = JsonNodeFactory.instance.objectNode();
          ArrayNode array = answer.putArray("usage");
          used.stream().limit(limit).forEach(row -> array.add(json(row)));
          if (used.size() > limit) {
            answer.put("next_offset", offset + limit);
          }
          AdminRouter.json(context, answer.toString());
        });
  }

  private static <T> void then(
      RoutingContext context, CompletionStage<T> stage, Consumer<T> answer) {
    Future.fromCompletionStage(stage, context.vertx().getOrCreateContext())
        .onSuccess(answer::accept)
        .onFailure(cause -> AdminRouter.error(context, AdminRouter.error(cause)));
  }

  private static ObjectNode json(Consumption used) {
    return JsonNodeFactory.instance
        .objectNode()
        .put("tenant", used.tenant())
        .put("hour", Instant.ofEpochMilli(used.hourMs()).toString())
        .put("requests", used.requests())
        .put("prompt_tokens", used.promptTokens())
        .put("cached_tokens", used.cachedTokens())
        .put("output_tokens", used.outputTokens());
  }

  private static ObjectNode json(AuditEntry entry) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("id", entry.id()).put("at", Instant.ofEpochMilli(entry.atMs()).toString());
    json.put("actor", entry.actor()).put("role", entry.role()).put("source", entry.source());
    json.put("action", entry.action()).put("target", entry.target());
    json.put("reason", entry.why().reason()).put("on_behalf_of", entry.why().onBehalfOf());
    json.put("status", entry.status()).put("code", entry.code());
    json.set("before", tree(entry.before()));
    json.set("after", tree(entry.after()));
    return json;
  }

  /** What was clipped is no JSON any more, and is told as text. */
  private static JsonNode tree(@Nullable String text) {
    try {
      return text == null ? JsonNodeFactory.instance.nullNode() : JSON.readTree(text);
    } catch (JsonProcessingException clipped) {
      return TextNode.valueOf(text);
    }
  }
}
