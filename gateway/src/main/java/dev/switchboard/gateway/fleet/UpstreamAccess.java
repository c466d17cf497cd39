package dev.switchboard.gateway.fleet;

import dev.switchboard.gateway.upstream.Authorities;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * How a replica is spoken to. Prints nothing of its key.
 *
 * @param model what it calls the model; null where that is the name it is served by
 * @param worker whether it is an engine worker of ours
 * @param engine of a foreign server whose metrics are read; null for none
 * @param metricsUrl where these are; null for beside its API
 * @param authorization value of that header; null for none
 * @param serverName that its certificate must have, and that it is asked by; null for its URL's
 * @param authorities that its certificate must lead to; null takes the JVM's
 * @param checkModels whether its list of models must have the model
 * @param maxConcurrency requests it takes at once; 0 for no limit
 * @param maxCompletionTokens whether a chat's bound has that name there
 */
public record UpstreamAccess(
    @Nullable String model,
    boolean worker,
    @Nullable ForeignEngine engine,
    @Nullable URI metricsUrl,
    @Nullable String authorization,
    @Nullable String serverName,
    @Nullable Authorities authorities,
    boolean checkModels,
    double cost,
    int maxConcurrency,
    boolean maxCompletionTokens) {
  /** A worker that this gateway runs. */
  static final UpstreamAccess LOCAL =
      new UpstreamAccess(null, true, null, null, null, null, null, false, 0, 0, false);

  private static final long MAX_KEY_BYTES = 16 << 10;

  /**
   * What a specification says of one model, with its key and its certificates read.
   *
   * @param path of the specification, for complaints
   * @param now at which the certificates must be valid
   * @throws IllegalArgumentException naming the key of the configuration
   */
  public static UpstreamAccess of(UpstreamSpec spec, String model, String path, Instant now) {
    String key = key(spec, path);
    Path authorities = spec.tlsCaFile();
    ForeignEngine engine = spec.engine() == null ? null : ForeignEngine.of(spec.engine());
    return new UpstreamAccess(
        spec.modelNames().get(model),
        Boolean.TRUE.equals(spec.worker()),
        engine,
        engine == null || spec.metricsUrl() != null
            ? spec.metricsUrl()
            : engine.metricsOf(spec.url()),
        key == null ? null : "Bearer " + key,
        null,
        authorities == null ? null : Authorities.read(path + ".tls-ca-file", authorities, now),
        !Boolean.FALSE.equals(spec.checkModels()),
        spec.cost() == null ? 0 : spec.cost(),
        spec.maxConcurrency() == null ? 0 : spec.maxConcurrency(),
        Boolean.TRUE.equals(spec.maxCompletionTokens()));
  }

  /**
   * How one of several servers that differ only in their address is spoken to.
   *
   * @param name that its certificate must have; null for the URL's host
   */
  public UpstreamAccess at(URI url, @Nullable String name) {
    return new UpstreamAccess(
        model,
        worker,
        engine,
        engine == null ? null : engine.metricsOf(url),
        authorization,
        name,
        authorities,
        checkModels,
        cost,
        maxConcurrency,
        maxCompletionTokens);
  }

  /**
   * Looks whether its key and certificates can be used.
   *
   * @param path of the specification, for complaints
   * @param now at which the certificates must be valid
   * @throws IllegalArgumentException naming the key of the configuration
   */
  public static void check(UpstreamSpec spec, String path, Instant now) {
    UpstreamAccess _ = of(spec, "", path, now);
  }

  private static @Nullable String key(UpstreamSpec spec, String path) {
    String variable = spec.apiKeyEnv();
    if (variable != null) {
      String value = System.getenv(variable);
      if (value == null) {
        throw new IllegalArgumentException(
            path + ".api-key-env: there is no environment variable " + variable);
      }
      return checked(value, path + ".api-key-env");
    }
    Path file = spec.apiKeyFile();
    return file == null ? null : checked(read(file, path), path + ".api-key-file");
  }

  private static String read(Path file, String path) {
    try {
      if (Files.size(file) > MAX_KEY_BYTES) {
        throw new IllegalArgumentException(path + ".api-key-file: " + file + " is too large");
      }
      return Files.readString(file);
    } catch (IOException e) {
      throw new IllegalArgumentException(path + ".api-key-file: cannot read " + file, e);
    }
  }

  /** One word of visible characters: anything else would break the header it goes into. */
  private static String checked(String text, String path) {
    String key = text.strip();
    if (!key.matches("[\\x21-\\x7e]+")) {
      throw new IllegalArgumentException(path + ": the key must be one word of ASCII");
    }
    return key;
  }

  @Override
  public String toString() {
    return "UpstreamAccess[model=" + model + ", key=" + (authorization != null) + "]";
  }
}
