package dev.switchboard.gateway.discovery;

import dev.switchboard.gateway.fleet.ForeignEngine;
import dev.switchboard.gateway.fleet.UpstreamSpec;
import java.net.URI;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Where a model's replicas are found, and how each is spoken to.
 *
 * @param model what clients call it
 * @param namespace null for that of all
 * @param service whose EndpointSlices name the replicas
 * @param selector labels of the pods that are replicas
 * @param inferencePool whose selector and ports name them
 * @param port number; null for the pool's, or the only one
 * @param portName name of a port of the service or of a container, in the place of its number
 * @param scheme null for http
 * @param serverName that the certificate of each must have; null for the service's name in the
 *     cluster, or the address where there is no service
 * @param engine null for our worker; {@code openai} for a server that tells nothing of itself
 * @param modelName what they call the model; null where that is the name it is served by
 * @param apiKeyEnv environment variable that holds the key they want
 * @param apiKeyFile file that holds it
 * @param tlsCaFile certificates in PEM that theirs must lead to; null takes the JVM's
 * @param checkModels as of an upstream; null is true
 * @param weight share of new work of each; null is 1
 * @param cost relative to others; null is 0
 * @param maxConcurrency requests each takes at once; null or 0 for no limit
 * @param maxCompletionTokens as of an upstream; null is false
 * @param standby they take requests only in the place of others of the model; null is false
 */
public record ModelSource(
    String model,
    @Nullable String namespace,
    @Nullable String service,
    @Nullable Map<String, String> selector,
    @Nullable String inferencePool,
    @Nullable Integer port,
    @Nullable String portName,
    @Nullable String scheme,
    @Nullable String serverName,
    @Nullable String engine,
    @Nullable String modelName,
    @Nullable String apiKeyEnv,
    @Nullable Path apiKeyFile,
    @Nullable Path tlsCaFile,
    @Nullable Boolean checkModels,
    @Nullable Double weight,
    @Nullable Double cost,
    @Nullable Integer maxConcurrency,
    @Nullable Boolean maxCompletionTokens,
    @Nullable Boolean standby) {
  /** Our own worker. */
  public static final String WORKER = "switchboard";

  /** A foreign server whose metrics nobody reads. */
  public static final String PLAIN = ForeignEngine.PLAIN;

  private static final String NAME = "[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?";
  private static final String LABEL_KEY = "[A-Za-z0-9./_-]{1,317}";
  private static final String LABEL_VALUE = "[A-Za-z0-9._-]{0,63}";

  public ModelSource(
      @Nullable String model,
      @Nullable String namespace,
      @Nullable String service,
      @Nullable Map<String, String> selector,
      @Nullable String inferencePool,
      @Nullable Integer port,
      @Nullable String portName,
      @Nullable String scheme,
      @Nullable String serverName,
      @Nullable String engine,
      @Nullable String modelName,
      @Nullable String apiKeyEnv,
      @Nullable Path apiKeyFile,
      @Nullable Path tlsCaFile,
      @Nullable Boolean checkModels,
      @Nullable Double weight,
      @Nullable Double cost,
      @Nullable Integer maxConcurrency,
      @Nullable Boolean maxCompletionTokens,
      @Nullable Boolean standby) {
    this.model = Objects.requireNonNull(model, "model is missing");
    this.namespace = namespace;
    this.service = service;
    this.selector = selector == null || selector.isEmpty() ? null : Map.copyOf(selector);
    this.inferencePool = inferencePool;
    this.port = port;
    this.portName = portName;
    this.scheme = scheme;
    this.serverName = serverName;
    this.engine = engine;
    this.modelName = modelName;
    this.apiKeyEnv = apiKeyEnv;
    this.apiKeyFile = apiKeyFile;
    this.tlsCaFile = tlsCaFile;
    this.checkModels = checkModels;
    this.weight = weight;
    this.cost = cost;
    this.maxConcurrency = maxConcurrency;
    this.maxCompletionTokens = maxCompletionTokens;
    this.standby = standby;
    checkPlace();
    checkPort();
    require(
        scheme == null || scheme.equals("http") || scheme.equals("https"),
        "scheme must be http or https, not " + scheme);
    require(serverName == null || secure(), "server-name needs the scheme https");
    if (serverName != null) {
      name("server-name", serverName);
    }
    UpstreamSpec _ = spec(URI.create(protocol() + "://replica"));
  }

  private void checkPlace() {
    int given = (service == null ? 0 : 1) + (selector == null ? 0 : 1);
    require(
        given + (inferencePool == null ? 0 : 1) == 1,
        "give exactly one of service, selector and inference-pool");
    nameIfAny("namespace", namespace);
    nameIfAny("service", service);
    nameIfAny("inference-pool", inferencePool);
    if (selector != null) {
      selector.forEach(
          (key, value) ->
              require(
                  key.matches(LABEL_KEY) && value.matches(LABEL_VALUE),
                  "selector: " + key + "=" + value + " is no label"));
    }
  }

  private void checkPort() {
    require(port == null || portName == null, "port and port-name: give only one");
    require(port == null || (port >= 1 && port <= 65_535), "port must be 1 to 65535");
    require(
        portName == null || portName.matches("[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"),
        "port-name must be the name of a port");
    require(
        selector == null || port != null || portName != null,
        "selector needs a port or a port-name");
  }

  private static void nameIfAny(String key, @Nullable String value) {
    if (value != null) {
      name(key, value);
    }
  }

  static void name(String key, String value) {
    require(value.matches(NAME), key + " must be a name of Kubernetes, not " + value);
  }

  private static void require(boolean condition, String message) {
    if (!condition) {
      throw new IllegalArgumentException(message);
    }
  }

  /** Whether each is one of our workers. */
  public boolean worker() {
    return engine == null || engine.equals(WORKER);
  }

  /** Whether they take requests only in the place of others. */
  public boolean standsBy() {
    return Boolean.TRUE.equals(standby);
  }

  private boolean secure() {
    return "https".equals(scheme);
  }

  private String protocol() {
    return scheme == null ? "http" : scheme;
  }

  /** The server at an address, as if the configuration named it. */
  public UpstreamSpec spec(URI url) {
    String foreign = worker() || PLAIN.equals(engine) ? null : engine;
    return new UpstreamSpec(
        url,
        null,
        List.of(model),
        modelName == null ? null : Map.of(model, modelName),
        worker(),
        foreign,
        null,
        apiKeyEnv,
        apiKeyFile,
        tlsCaFile,
        checkModels,
        weight,
        cost,
        maxConcurrency,
        maxCompletionTokens);
  }

  /** The URL of a replica. */
  public URI url(String host, int atPort) {
    String literal = host.contains(":") ? "[" + host + "]" : host;
    return URI.create(protocol() + "://" + literal + ":" + atPort);
  }

  /** The name that its certificate must have; null for its address. */
  public @Nullable String certificateName(String inNamespace) {
    if (!secure() || serverName != null) {
      return serverName;
    }
    return service == null ? null : service + "." + inNamespace + ".svc";
  }

  /** What it is called among the sources. */
  public String label() {
    return service != null
        ? "service " + service
        : inferencePool != null ? "inference pool " + inferencePool : "pods " + selectorText();
  }

  /** The selector as a request has it. */
  public String selectorText() {
    return selector == null ? "" : text(selector);
  }

  /** A selector of labels as a request has it, always in the same order. */
  public static String text(Map<String, String> selector) {
    StringBuilder text = new StringBuilder();
    selector.entrySet().stream()
        .sorted(Map.Entry.comparingByKey())
        .forEach(
            each ->
                text.append(text.isEmpty() ? "" : ",")
                    .append(each.getKey())
                    .append('=')
                    .append(each.getValue()));
    return text.toString();
  }
}
