package dev.switchboard.console.audit;

import dev.switchboard.console.api.AdminClient;
import dev.switchboard.console.api.ApiFailure;
import dev.switchboard.console.live.LiveGateway;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.JsonNode;

/** Searches the audit log of a gateway. */
public final class AuditPresenter {
  static final int PAGE = 200;

  /** How many a page of the console keeps; the CSV has all. */
  static final int MOST = 2000;

  /** Parameters of the admin API that stand in the page's address too. */
  static final List<String> NAMES =
      List.of("on_behalf_of", "actor", "action", "target", "reason", "status", "from", "to");

  private AuditPresenter() {}

  /** The newest entries that are like that, or those before one. */
  public static List<AuditRow> search(LiveGateway gateway, Map<String, String> wanted, long before)
      throws ApiFailure {
    Map<String, String> query = query(wanted);
    query.put("limit", "" + PAGE);
    query.put("before", before > 0 ? "" + before : "");
    JsonNode answer = gateway.client().get("/admin/v1/audit" + AdminClient.query(query));
    List<AuditRow> rows = new ArrayList<>();
    answer.path("audit").forEach(e -> rows.add(AuditRow.of(gateway.name(), e)));
    return rows;
  }

  /** All that are like that as CSV, as the gateway writes it. */
  public static InputStream csv(LiveGateway gateway, Map<String, String> wanted) throws ApiFailure {
    return new AuditCsv(
        before -> {
          Map<String, String> query = query(wanted);
          query.put("limit", "" + AuditCsv.PAGE);
          query.put("format", "csv");
          query.put("before", before > 0 ? "" + before : "");
          return gateway.client().text("/admin/v1/audit" + AdminClient.query(query), "text/csv");
        });
  }

  private static Map<String, String> query(Map<String, String> wanted) {
    Map<String, String> query = new LinkedHashMap<>();
    NAMES.forEach(name -> query.put(name, wanted.getOrDefault(name, "")));
    return query;
  }
}
