package dev.switchboard.gateway.bench;

import dev.switchboard.gateway.admission.Refusal.Reason;
import dev.switchboard.gateway.identity.KeySecret;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Collectors;

/** Why a gateway with little room refuses requests, with whose they are and what they ask for. */
enum RefusalKind {
  /** The queue is full of requests like this one. */
  QUEUE_FULL(Reason.QUEUE_FULL, Tenant.CROWD, ""),

  /** Its tenant may ask once a minute. */
  RATE(Reason.TENANT_REQUESTS, Tenant.HASTY, ""),

  /** Its tenant may have one request at a time. */
  CONCURRENCY(Reason.TENANT_CONCURRENCY, Tenant.NARROW, ""),

  /** Its answer takes a second. */
  DEADLINE(Reason.DEADLINE, Tenant.CROWD, "X-SLO-Deadline-Ms: 200\r\n");

  /** Who asks, with limits as the configuration has them. */
  private enum Tenant {
    CROWD(""),
    HASTY(", requests-per-minute: 1"),
    NARROW(", max-concurrency: 1");

    private final String limits;

    Tenant(String limits) {
      this.limits = limits;
    }

    private String key() {
      return "bench-" + name();
    }

    private String limited() {
      return "{name: " + name() + limits + "}";
    }

    private String known() {
      String hash = HexFormat.of().formatHex(KeySecret.sha256(key()));
      return "{name: " + name() + ", tenant: " + name() + ", sha256: \"" + hash + "\"}";
    }
  }

  private static final int PROMPT_BYTES = 40;

  private final Reason reason;
  private final Tenant tenant;
  private final String headers;

  RefusalKind(Reason reason, Tenant tenant, String headers) {
    this.reason = reason;
    this.tenant = tenant;
    this.headers = headers;
  }

  /**
   * Configuration of a gateway that has room for a few requests and knows the tenants. Before it
   * has learned how long answers take it begins those of a short deadline too, which their replicas
   * are not to be ejected for.
   */
  static String gateway() {
    List<Tenant> tenants = Arrays.asList(Tenant.values());
    return "admission: {replica-concurrency: 8, queue-requests: 8}\n"
        + "circuit: {failures: 0, min-requests: 100000}\ntenants: ["
        + tenants.stream().map(Tenant::limited).collect(Collectors.joining(", "))
        + "]\nauth: {keys: ["
        + tenants.stream().map(Tenant::known).collect(Collectors.joining(", "))
        + "]}\n";
  }

  /** As {@code X-Switchboard-Reason} has it. */
  String label() {
    return reason.label();
  }

  /** Name of the value that has so many microseconds at a percentile. */
  String value(int percentile) {
    return label() + "_p" + percentile + "_us";
  }

  /** Asks for a stream of so many tokens. */
  byte[] request(Target target, int tokens) {
    return target.request(
        true, tokens, PROMPT_BYTES, headers + "Authorization: Bearer " + tenant.key() + "\r\n");
  }
}
