package dev.switchboard.gateway.fleet;

import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A server that speaks the OpenAI API and that this gateway does not run.
 *
 * @param url its base, such as {@code http://10.0.0.7:8000}; a {@code /v1} at its end is left out
 * @param socket Unix socket that it listens on: requests go there, and the URL only names the host;
 *     null for TCP
 * @param models that it serves, as clients call them
 * @param modelNames what it calls those whose name differs there
 * @param worker whether it is an engine worker of ours, run elsewhere; null is false
 * @param engine of a foreign server, whose metrics are then read; null, or {@code openai}, for one
 *     that tells nothing
 * @param metricsUrl where they are; null for where such a server has them
 * @param apiKeyEnv environment variable that holds the key it wants
 * @param apiKeyFile file that holds it
 * @param tlsCaFile certificates in PEM that its own must lead to; null takes the JVM's
 * @param checkModels whether its list of models must have them before it serves; null is true
 * @param weight share of new work; null is 1
 * @param cost relative to others; null is 0
 * @param maxConcurrency requests of each model that it takes at once; null or 0 for no limit
 * @param maxCompletionTokens whether the bound of a quota goes to it by that name in chats; null is
 *     false, for {@code max_tokens}
 */
public record UpstreamSpec(
    URI url,
    @Nullable Path socket,
    List<String> models,
    Map<String, String> modelNames,
    @Nullable Boolean worker,
    @Nullable String engine,
    @Nullable URI metricsUrl,
    @Nullable String apiKeyEnv,
    @Nullable Path apiKeyFile,
    @Nullable Path tlsCaFile,
    @Nullable Boolean checkModels,
    @Nullable Double weight,
    @Nullable Double cost,
    @Nullable Integer maxConcurrency,
    @Nullable Boolean maxCompletionTokens) {
  /** What the kernel's address has room for. */
  private static final int MOST_SOCKET_BYTES = 107;

  private static final Pattern BASE_END = Pattern.compile("(?<=[^/:])(/+v1)?/*$");

  private static final String NAME = "[^\\p{Cntrl}]{1,256}";

  /** One of which nothing is set but these. */
  public static UpstreamSpec of(
      URI url, List<String> models, @Nullable Boolean worker, @Nullable Double weight) {
    return new UpstreamSpec(
        url, null, models, null, worker, null, null, null, null, null, null, weight, null, null,
        null);
  }

  public UpstreamSpec(
      @Nullable URI url,
      @Nullable Path socket,
      @Nullable List<String> models,
      @Nullable Map<String, String> modelNames,
      @Nullable Boolean worker,
      @Nullable String engine,
      @Nullable URI metricsUrl,
      @Nullable String apiKeyEnv,
      @Nullable Path apiKeyFile,
      @Nullable Path tlsCaFile,
      @Nullable Boolean checkModels,
      @Nullable Double weight,
      @Nullable Double cost,
      @Nullable Integer maxConcurrency,
      @Nullable Boolean maxCompletionTokens) {
    this.url = base(Objects.requireNonNull(url, "url is missing"));
    this.socket = socket;
    this.models = List.copyOf(Objects.requireNonNull(models, "models is missing"));
    this.modelNames = modelNames == null ? Map.of() : Map.copyOf(modelNames);
    this.worker = worker;
    this.engine = ForeignEngine.PLAIN.equals(engine) ? null : engine;
    this.metricsUrl = metricsUrl;
    this.apiKeyEnv = apiKeyEnv;
    this.apiKeyFile = apiKeyFile;
    this.tlsCaFile = tlsCaFile;
    this.checkModels = checkModels;
    this.weight = weight;
    this.cost = cost;
    this.maxConcurrency = maxConcurrency;
    this.maxCompletionTokens = maxCompletionTokens;
    checkUrl(url);
    checkNames();
    checkEngine();
    require(apiKeyEnv == null || apiKeyFile == null, "api-key-env and api-key-file: give only one");
    require(tlsCaFile == null || "https".equals(url.getScheme()), "tls-ca-file needs an https url");
    require(socket == null || "http".equals(url.getScheme()), "socket needs an http url");
    require(
        socket == null
            || socket.toString().getBytes(StandardCharsets.UTF_8).length <= MOST_SOCKET_BYTES,
        "socket must be a path of at most " + MOST_SOCKET_BYTES + " bytes");
    require(weight == null || (weight >= 0 && weight <= 1000), "weight must be 0 to 1000");
    require(cost == null || (cost >= 0 && cost <= 1_000_000), "cost must be 0 to 1000000");
    if (maxConcurrency != null) {
      WorkersConfig.range("max-concurrency", maxConcurrency, 0, 1_000_000);
    }
  }

  /** Without the {@code /v1} that its paths begin with, and without a slash at its end. */
  private static URI base(URI url) {
    String text = url.toString();
    String bare = BASE_END.matcher(text).replaceFirst("");
    return bare.equals(text) ? url : URI.create(bare);
  }

  private static void checkUrl(URI url) {
    boolean http = "http".equals(url.getScheme()) || "https".equals(url.getScheme());
    require(
        http && url.getHost() != null && url.getQuery() == null && url.getUserInfo() == null,
        "url must be http(s)://host[:port][/base], not " + url);
  }

  private void checkEngine() {
    if (engine != null) {
      ForeignEngine _ = ForeignEngine.of(engine);
    }
    require(engine == null || !Boolean.TRUE.equals(worker), "engine is for what is no worker");
    require(metricsUrl == null || engine != null, "metrics-url needs an engine");
    if (metricsUrl != null) {
      boolean http =
          "http".equals(metricsUrl.getScheme()) || "https".equals(metricsUrl.getScheme());
      require(
          http
              && metricsUrl.getHost() != null
              && metricsUrl.getQuery() == null
              && metricsUrl.getUserInfo() == null,
          "metrics-url must be http(s)://host[:port]/path, not " + metricsUrl);
    }
  }

  private void checkNames() {
    require(!models.isEmpty(), "models must name at least one model");
    modelNames.forEach(
        (served, own) -> {
          require(models.contains(served), "model-names: " + served + " is not one of models");
          require(own.matches(NAME), "model-names: the name for " + served + " is malformed");
        });
  }

  private static void require(boolean condition, String message) {
    if (!condition) {
      throw new IllegalArgumentException(message);
    }
  }
}
