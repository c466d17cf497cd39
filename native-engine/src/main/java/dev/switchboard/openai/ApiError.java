package dev.switchboard.openai;

import org.jspecify.annotations.Nullable;

/**
 * An error as OpenAI clients read it. The factories are the whole taxonomy: one for each status the
 * worker and the gateway may answer.
 *
 * @param status HTTP status
 * @param type OpenAI's error class, a stable word
 * @param code what exactly happened, a stable word
 * @param param path of the offending field, such as {@code messages[2].content}
 * @param message for the caller; never holds prompt text or secrets
 */
public record ApiError(
    int status, String type, @Nullable String code, @Nullable String param, String message) {

  /** Type of what the request is to blame for. */
  public static final String INVALID_REQUEST = "invalid_request_error";

  private static final String SERVER_ERROR = "server_error";

  /** 400: a field is missing, malformed or out of bounds. */
  public static ApiError invalid(@Nullable String param, String message) {
    return new ApiError(400, INVALID_REQUEST, null, param, message);
  }

  /** 400: the body is not the JSON it should be. */
  public static ApiError malformed(String message) {
    return new ApiError(400, INVALID_REQUEST, "invalid_json", null, message);
  }

  /** 400: the field is known, but this server cannot do what it asks for. */
  public static ApiError unsupported(String param, String message) {
    return new ApiError(400, INVALID_REQUEST, "unsupported_parameter", param, message);
  }

  /** 400: the prompt leaves no room in the model's context. */
  public static ApiError contextLength(String param, String message) {
    return new ApiError(400, INVALID_REQUEST, "context_length_exceeded", param, message);
  }

  /** 400: the model's answer is not what the request demands, and on no replica would it be. */
  public static ApiError unmet(String code, @Nullable String param, String message) {
    return new ApiError(400, INVALID_REQUEST, code, param, message);
  }

  /** 401: no valid key. */
  public static ApiError unauthenticated(String message) {
    return new ApiError(401, "authentication_error", "invalid_api_key", null, message);
  }

  /** 403: this key may not do this. */
  public static ApiError forbidden(String message) {
    return new ApiError(403, "permission_error", "forbidden", null, message);
  }

  /** 404: nobody here serves this model. */
  public static ApiError modelNotFound(String model) {
    String message = "The model '" + shorten(model) + "' does not exist.";
    return new ApiError(404, INVALID_REQUEST, "model_not_found", "model", message);
  }

  /** 404: no such path. */
  public static ApiError pathNotFound(String path) {
    String message = "Unknown path: " + shorten(path);
    return new ApiError(404, INVALID_REQUEST, "unknown_url", null, message);
  }

  /** 405: the path exists, but not for this method. */
  public static ApiError methodNotAllowed(String allowed) {
    String message = "This path answers " + allowed + " only.";
    return new ApiError(405, INVALID_REQUEST, "method_not_allowed", null, message);
  }

  /** 408: the body came too slowly. */
  public static ApiError bodyTooSlow(long limitMs) {
    String message = "The body did not arrive within " + limitMs + " ms.";
    return new ApiError(408, INVALID_REQUEST, "request_timeout", null, message);
  }

  /** 413: the body is larger than accepted. */
  public static ApiError bodyTooLarge(long limitBytes) {
    String message = "The request body is larger than " + limitBytes + " bytes.";
    return new ApiError(413, INVALID_REQUEST, "request_too_large", null, message);
  }

  /** 414: the request target is longer than accepted. */
  public static ApiError uriTooLong(int limitBytes) {
    String message = "The request URI is longer than " + limitBytes + " bytes.";
    return new ApiError(414, INVALID_REQUEST, "uri_too_long", null, message);
  }

  /** 415: this content type or encoding is not read here. */
  public static ApiError unsupportedMediaType(String message) {
    return new ApiError(415, INVALID_REQUEST, "unsupported_media_type", null, message);
  }

  /** 431: the headers are larger than accepted. */
  public static ApiError headersTooLarge(int limitBytes) {
    String message = "The request headers are larger than " + limitBytes + " bytes.";
    return new ApiError(431, INVALID_REQUEST, "headers_too_large", null, message);
  }

  /** 429: the caller's own limit. */
  public static ApiError rateLimited(String message) {
    return new ApiError(429, "rate_limit_error", "rate_limit_exceeded", null, message);
  }

  /** 429: shed because of the load that others cause. */
  public static ApiError overloaded(String message) {
    return new ApiError(429, "rate_limit_error", "overloaded", null, message);
  }

  /** 500: a fault of ours of which no more is to be said. */
  public static ApiError internal() {
    return internal("The request could not be processed.");
  }

  /** 500: a fault of ours. */
  public static ApiError internal(String message) {
    return new ApiError(500, SERVER_ERROR, "internal_error", null, message);
  }

  /** 502: the upstream broke and retries were spent. */
  public static ApiError upstreamFailed(String message) {
    return new ApiError(502, SERVER_ERROR, "upstream_failed", null, message);
  }

  /** 503: nothing can serve this model now. */
  public static ApiError unavailable(String message) {
    return new ApiError(503, SERVER_ERROR, "no_replica_ready", null, message);
  }

  /** 503: this server finishes what it has and takes nothing new. */
  public static ApiError draining(String message) {
    return new ApiError(503, SERVER_ERROR, "draining", null, message);
  }

  /** 504: the deadline was not, or cannot be, met. */
  public static ApiError deadlineExceeded(String message) {
    return new ApiError(504, SERVER_ERROR, "deadline_exceeded", null, message);
  }

  /** 505: another version of HTTP. */
  public static ApiError versionNotSupported(String message) {
    return new ApiError(505, INVALID_REQUEST, "http_version_not_supported", null, message);
  }

  /** The body: {@code {"error": {...}}}. */
  public String toJson() {
    return toJson(null);
  }

  /**
   * The body with a {@code switchboard} object beside the error.
   *
   * @param switchboardJson a JSON value, written as it is; null for none
   */
  public String toJson(@Nullable String switchboardJson) {
    JsonWriter json = new JsonWriter(256);
    json.raw("{\"error\":{\"message\":").string(message);
    json.raw(",\"type\":").string(type);
    json.raw(",\"param\":").nullableString(param);
    json.raw(",\"code\":").nullableString(code).raw("}");
    return json.switchboard(switchboardJson).raw("}").toString();
  }

  private static String shorten(String text) {
    return text.length() <= 128 ? text : text.substring(0, 128) + "…";
  }
}
