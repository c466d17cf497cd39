package dev.switchboard.console.system;

import dev.switchboard.console.api.AdminClient;
import java.util.List;

/**
 * An answer of the admin API that can be looked at as it is.
 *
 * @param path with {id} where it is of one thing
 * @param of what that is: replica, model, tenant or request; empty where it is of none
 */
public record Document(String title, String path, String of) {
  /** All of them. Each is for viewers and so for everybody who may be here. */
  public static final List<Document> ALL =
      List.of(
          of("Configuration", "config"),
          of("Gateway", "gateway"),
          of("Gateways that share its store", "gateways"),
          of("Replicas", "replicas"),
          of("Replicas, a line of each", "replicas?form=summary&limit=1000"),
          ofOne("Replica", "replicas/{id}", "replica"),
          ofOne("State of a worker", "replicas/{id}/state", "replica"),
          ofOne("Steps of a worker", "replicas/{id}/steps?last=20", "replica"),
          ofOne("GPUs of a worker", "replicas/{id}/devices", "replica"),
          ofOne("Log of a worker", "replicas/{id}/log", "replica"),
          of("Restart of all workers", "replicas/restart"),
          of("Replicas found on Kubernetes", "discovery"),
          of("Models", "models"),
          ofOne("Model", "models/{id}", "model"),
          of("Model files", "model-files"),
          ofOne("Desired replicas of a model", "autoscaling/{id}", "model"),
          of("Requests, the newest", "requests"),
          of("Requests that run", "requests?running=true"),
          ofOne("Request", "requests/{id}", "request"),
          ofOne("Timeline of a request", "requests/{id}/timeline", "request"),
          ofOne("Explanation of a request", "requests/{id}/explain", "request"),
          ofOne("Trace of a request", "requests/{id}/perfetto", "request"),
          of("Service classes", "slo-classes"),
          of("Objectives, by hour", "slo"),
          of("Error budgets", "slo/budgets"),
          of("Splits", "splits"),
          of("Tenants", "tenants?now=true"),
          ofOne("Tenant now", "tenants/{id}/now", "tenant"),
          of("Keys", "keys"),
          of("Usage", "usage"),
          of("Trace levels", "trace-levels"),
          of("Drills", "drills"),
          of("Events", "events"),
          of("Audit", "audit"),
          new Document("OpenAPI document", "/openapi.json", ""));

  private static Document of(String title, String path) {
    return new Document(title, "/admin/v1/" + path, "");
  }

  private static Document ofOne(String title, String path, String of) {
    return new Document(title, "/admin/v1/" + path, of);
  }

  /** The path of the thing of that name. */
  String path(String id) {
    return path.replace("{id}", AdminClient.encode(id));
  }

  /** Whether it takes a name. */
  boolean ofOne() {
    return !of.isEmpty();
  }
}
