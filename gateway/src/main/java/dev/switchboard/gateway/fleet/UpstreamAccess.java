package dev.switchboard.gateway.fleet;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * How a replica is spoken to. Prints nothing of its key.
 *
 * @param model what it calls the model; null where that is the name it is served by
 * @param worker whether it is an engine worker of ours
 * @param authorization value of that header; null for none
 * @param tlsCa certificates in PEM that its own must lead to; null takes the JVM's
 * @param maxConcurrency requests it takes at once; 0 for no limit
 */
public record UpstreamAccess(
    @Nullable String model,
    boolean worker,
    @Nullable String authorization,
    @Nullable String tlsCa,
    double cost,
    int maxConcurrency) {
  /** A worker that this gateway runs. */
  static final UpstreamAccess LOCAL = new UpstreamAccess(null, true, null, null, 0, 0);

  private static final long MAX_KEY_BYTES = 16 << 10;
  private static final long MAX_CA_BYTES = 1 << 20;

  /**
   * What a specification says of one model, with its key and its certificates read.
   *
   * @param path of the specification, for complaints
   * @throws IllegalArgumentException naming the key of the configuration
   */
  static UpstreamAccess of(UpstreamSpec spec, String model, String path) {
    String key = key(spec, path);
    return new UpstreamAccess(
        spec.modelNames().get(model),
        Boolean.TRUE.equals(spec.worker()),
        key == null ? null : "Bearer " + key,
        certificates(spec.tlsCaFile(), path + ".tls-ca-file"),
        spec.cost() == null ? 0 : spec.cost(),
        spec.maxConcurrency() == null ? 0 : spec.maxConcurrency());
  }

  /**
   * Looks whether its key and certificates can be read.
   *
   * @param path of the specification, for complaints
   * @throws IllegalArgumentException naming the key of the configuration
   */
  public static void check(UpstreamSpec spec, String path) {
    UpstreamAccess _ = of(spec, "", path);
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
    return file == null
        ? null
        : checked(read(file, MAX_KEY_BYTES, path + ".api-key-file"), path + ".api-key-file");
  }

  private static @Nullable String certificates(@Nullable Path file, String path) {
    if (file == null) {
      return null;
    }
    String text = read(file, MAX_CA_BYTES, path);
    if (!text.contains("-----BEGIN CERTIFICATE-----")) {
      throw new IllegalArgumentException(
          path + ": " + file + " holds no certificate (BEGIN CERTIFICATE)");
    }
    return text;
  }

  private static String read(Path file, long mostBytes, String path) {
    try {
      if (Files.size(file) > mostBytes) {
        throw new IllegalArgumentException(path + ": " + file + " is too large");
      }
      // What stands between certificates may be in any encoding.
      return Files.readString(file, StandardCharsets.ISO_8859_1);
    } catch (IOException e) {
      throw new IllegalArgumentException(path + ": cannot read " + file, e);
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
