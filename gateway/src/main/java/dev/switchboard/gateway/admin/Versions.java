package dev.switchboard.gateway.admin;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.openai.ApiError;
import dev.switchboard.openai.ApiException;
import io.vertx.ext.web.RoutingContext;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;

/**
 * So that of two operators who change the same thing neither overwrites what he has not seen: each
 * thing is told with its {@code version}, which is a digest of it, and a change that names one in
 * {@code If-Match} is made only while that is still the one.
 */
final class Versions {
  private static final int DIGEST_BYTES = 8;
  private static final String NONE = "none";

  private Versions() {}

  /** Adds its version to what is told of something. */
  static ObjectNode with(ObjectNode told) {
    return told.put("version", of(told));
  }

  static String of(@Nullable JsonNode told) {
    if (told == null) {
      return NONE;
    }
    try {
      byte[] digest =
          MessageDigest.getInstance("SHA-256")
              .digest(told.toString().getBytes(StandardCharsets.UTF_8));
      return HexFormat.of().formatHex(digest, 0, DIGEST_BYTES);
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every JVM has SHA-256", e);
    }
  }

  /**
   * Holds a change to what it is to change.
   *
   * @param now what is told of it, without its version; null where there is nothing
   * @throws ApiException when the request names another version
   */
  static void check(RoutingContext context, @Nullable JsonNode now) {
    String wanted = context.request().getHeader("If-Match");
    if (wanted == null) {
      return;
    }
    String named = wanted.strip().replaceAll("^\"|\"$", "");
    String version = of(now);
    boolean same = named.equals("*") ? now != null : named.equals(version);
    if (!same) {
      throw new ApiException(
          new ApiError(
              412,
              "invalid_request_error",
              "version_changed",
              "If-Match",
              "It was changed meanwhile: its version is " + version + "."));
    }
  }
}
