package dev.switchboard.gateway.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import dev.switchboard.gateway.tls.PemFile;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.ConnectException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLHandshakeException;
import org.jspecify.annotations.Nullable;

/** Asks a gateway's two APIs; what goes wrong is a {@link CommandFailure} in plain words. */
final class GatewayClient {
  static final ObjectMapper JSON = new ObjectMapper();

  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final int MOST_ERROR_BYTES = 65_536;
  private static final int UNAUTHORIZED = 401;
  private static final String ADMIN_KEY = " (SWITCHBOARD_ADMIN_KEY takes one)";
  private static final String KEY =
      " (--key or SWITCHBOARD_KEY takes one; ./switchboard keys create --name NAME makes one)";

  private final String admin;
  private final String api;
  private final Map<String, String> environment;
  private final HttpClient adminClient;
  private final HttpClient apiClient;

  /**
   * @param certificate the API's own, where it speaks TLS; empty for none
   */
  GatewayClient(String admin, String api, String certificate, Map<String, String> environment) {
    this.admin = admin;
    this.api = local(api);
    this.environment = environment;
    this.adminClient =
        client(admin, file("SWITCHBOARD_ADMIN_CA", ""), file("SWITCHBOARD_ADMIN_CERTIFICATE", ""));
    this.apiClient = client(api, file("SWITCHBOARD_CA", certificate), null);
  }

  /** An address at which this machine reaches a listener; names, not numbers, are certified. */
  private static String local(String url) {
    String reached = url.replace("://0.0.0.0:", "://127.0.0.1:");
    return reached.startsWith("https:") ? reached.replace("://127.0.0.1:", "://localhost:") : url;
  }

  private @Nullable PemFile file(String variable, String otherwise) {
    String given = environment.getOrDefault(variable, otherwise);
    return given.isEmpty() ? null : new PemFile(variable, Path.of(given));
  }

  private static HttpClient client(
      String url, @Nullable PemFile authorities, @Nullable PemFile own) {
    HttpClient.Builder builder =
        HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(Duration.ofSeconds(5));
    if (url.startsWith("https:")) {
      builder.sslContext(Trust.context(authorities, own));
    }
    return builder.build();
  }

  JsonNode get(String path) {
    return ask("GET", path, BodyPublishers.noBody());
  }

  JsonNode post(String path, @Nullable JsonNode body) {
    return ask(
        "POST",
        path,
        body == null ? BodyPublishers.noBody() : BodyPublishers.ofString(body.toString()));
  }

  JsonNode delete(String path) {
    return ask("DELETE", path, BodyPublishers.noBody());
  }

  /** All pages of a list. */
  ArrayNode all(String path, String member) {
    ArrayNode all = JSON.createArrayNode();
    String after = "";
    do {
      String more = after.isEmpty() ? "" : (path.contains("?") ? "&" : "?") + "after=" + after;
      JsonNode page = get(path + more);
      page.path(member).forEach(all::add);
      after = encoded(page.path("next").asText(""));
    } while (!after.isEmpty());
    return all;
  }

  static String encoded(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
  }

  /**
   * Saves what a POST answers, for the user alone. The file is there when it is whole; one that is
   * there already stays as it is.
   */
  void save(String path, Path file) {
    if (Files.exists(file)) {
      throw new CommandFailure(CommandFailure.FAILED, file + " is there already");
    }
    try (InputStream body = opened(path)) {
      Path partial = Files.createTempFile(folder(file), file.getFileName() + ".", ".part");
      try {
        try (OutputStream to = Files.newOutputStream(partial)) { // keeps who may read it
          body.transferTo(to);
        }
        Files.move(partial, file);
      } finally {
        Files.deleteIfExists(partial);
      }
    } catch (IOException e) {
      throw new CommandFailure(CommandFailure.FAILED, "cannot write " + file + ": " + e);
    }
  }

  private static Path folder(Path file) {
    return Objects.requireNonNullElse(file.getParent(), Path.of("."));
  }

  private InputStream opened(String path) throws IOException {
    HttpResponse<InputStream> response =
        sent("POST", path, BodyPublishers.noBody(), BodyHandlers.ofInputStream());
    if (response.statusCode() / 100 == 2) {
      return response.body();
    }
    try (InputStream told = response.body()) {
      String text = new String(told.readNBytes(MOST_ERROR_BYTES), StandardCharsets.UTF_8);
      throw refused(response.statusCode(), parsed(text), ADMIN_KEY);
    }
  }

  private JsonNode ask(String method, String path, BodyPublisher body) {
    return answer(sent(method, path, body, BodyHandlers.ofString()));
  }

  private <T> HttpResponse<T> sent(
      String method, String path, BodyPublisher body, HttpResponse.BodyHandler<T> to) {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(URI.create(admin + "/admin/v1/" + path))
            .timeout(PATIENCE)
            .header("Content-Type", "application/json")
            .method(method, body);
    String key = environment.getOrDefault("SWITCHBOARD_ADMIN_KEY", "");
    if (!key.isEmpty()) {
      request.header("Authorization", "Bearer " + key);
    }
    try {
      return adminClient.send(request.build(), to);
    } catch (IOException e) {
      throw unreachable("the admin API", e);
    } catch (InterruptedException e) {
      throw interrupted();
    }
  }

  private static JsonNode answer(HttpResponse<String> response) {
    JsonNode json = parsed(response.body());
    if (response.statusCode() / 100 != 2) {
      throw refused(response.statusCode(), json, ADMIN_KEY);
    }
    return json;
  }

  static JsonNode parsed(String text) {
    try {
      return JSON.readTree(text);
    } catch (JsonProcessingException e) {
      return JSON.createObjectNode().put("text", text);
    }
  }

  private static CommandFailure refused(int status, JsonNode json, String key) {
    String message = json.path("error").path("message").asText("");
    return new CommandFailure(
        CommandFailure.FAILED,
        (message.isEmpty() ? "the answer has status " + status : message)
            + (status == UNAUTHORIZED ? key : ""));
  }

  private static CommandFailure unreachable(String what, IOException cause) {
    if (cause instanceof ConnectException) {
      return new CommandFailure(CommandFailure.NOTHING_RUNS, what + " does not answer");
    }
    if (cause instanceof SSLHandshakeException && String.valueOf(cause).contains("path")) {
      return new CommandFailure(
          CommandFailure.FAILED,
          what
              + "'s certificate is not trusted; SWITCHBOARD_ADMIN_CA (for chat: SWITCHBOARD_CA)"
              + " names what it leads to");
    }
    if (cause instanceof SSLException) {
      return new CommandFailure(
          CommandFailure.FAILED,
          what
              + " closed the connection; where it asks for a certificate"
              + " SWITCHBOARD_ADMIN_CERTIFICATE names one ("
              + cause.getMessage()
              + ")");
    }
    return new CommandFailure(
        CommandFailure.FAILED,
        what
            + " does not answer: "
            + cause
            + "; where it asks for a certificate SWITCHBOARD_ADMIN_CERTIFICATE names one");
  }

  private static CommandFailure interrupted() {
    Thread.currentThread().interrupt();
    return new CommandFailure(CommandFailure.FAILED, "interrupted");
  }

  /** A streamed answer of the API, line by line; the caller closes it. */
  HttpResponse<Stream<String>> stream(JsonNode body, String key) {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(URI.create(api + "/v1/chat/completions"))
            .header("Content-Type", "application/json")
            .POST(BodyPublishers.ofString(body.toString()));
    if (!key.isEmpty()) {
      request.header("Authorization", "Bearer " + key);
    }
    try {
      HttpResponse<Stream<String>> response =
          apiClient.send(request.build(), BodyHandlers.ofLines());
      if (response.statusCode() != 200) {
        try (Stream<String> lines = response.body()) {
          JsonNode json = parsed(String.join("\n", lines.toList()));
          throw refused(response.statusCode(), json, KEY);
        }
      }
      return response;
    } catch (IOException e) {
      throw unreachable("the API", e);
    } catch (InterruptedException e) {
      throw interrupted();
    }
  }
}
