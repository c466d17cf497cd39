package dev.switchboard.gateway.boot;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.testing.Await;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * What KEDA's scaler {@code metrics-api} does with a trigger of a ScaledObject, by its source of
 * August 2026: which fields it reads and which values it refuses, the request that it sends by Go's
 * client on a connection that it keeps, and what it makes of the answer.
 */
final class KedaScaler implements AutoCloseable {

  private static final int OK = 200;
  private static final String END_OF_HEAD = "\r\n\r\n";

  private static final Set<String> FIELDS =
      Set.of(
          "url",
          "valueLocation",
          "format",
          "targetValue",
          "activationTargetValue",
          "unsafeSsl",
          "timeout",
          "aggregateFromKubeServiceEndpoints",
          "aggregationType",
          "authMode",
          "authModes");

  /**
   * What it read.
   *
   * @param active whether a model that has no replica is to have one
   * @param replicas as an HPA makes of an {@code AverageValue}
   */
  record Reading(double value, boolean active, int replicas) {}

  /** It could not read; KEDA then goes by the ScaledObject's {@code fallback}. */
  static final class Failed extends Exception {
    private static final long serialVersionUID = 1;

    Failed(String message) {
      super(message);
    }
  }

  /** Makes a connection to where the trigger's URL is here. */
  interface Connector {
    Socket connect(InetSocketAddress address) throws IOException;
  }

  private final URI url;
  private final String valueLocation;
  private final double target;
  private final double activationTarget;
  private final String bearer;
  private final InetSocketAddress address;
  private final Connector connector;
  private @Nullable Socket kept;
  private int connections;

  /**
   * @param trigger of the ScaledObject
   * @param parameters that its TriggerAuthentication has from Secrets
   * @param address where the host of its URL is
   * @throws Failed where KEDA takes the trigger for wrong
   */
  KedaScaler(
      JsonNode trigger,
      Map<String, String> parameters,
      InetSocketAddress address,
      Connector connector)
      throws Failed {
    JsonNode metadata = trigger.path("metadata");
    Set<String> unknown = new TreeSet<>();
    metadata.fieldNames().forEachRemaining(unknown::add);
    unknown.removeAll(FIELDS);
    require(trigger.path("type").asText().equals("metrics-api"), "another scaler");
    require(unknown.isEmpty(), "it reads no " + unknown);
    require(!metadata.path("aggregateFromKubeServiceEndpoints").asBoolean(false), "not done here");
    require(metadata.path("format").asText("json").equals("json"), "another format");
    this.url = URI.create(metadata.path("url").asText());
    this.valueLocation = metadata.path("valueLocation").asText();
    this.target = metadata.path("targetValue").asDouble();
    this.activationTarget = metadata.path("activationTargetValue").asDouble();
    require(url.getHost() != null && !valueLocation.isEmpty(), "url or valueLocation is missing");
    require(target != 0, "no targetValue given in metadata");
    String modes = metadata.path("authModes").asText(metadata.path("authMode").asText());
    require(modes.isEmpty() || modes.equals("bearer"), "another way to authenticate: " + modes);
    this.bearer = parameters.getOrDefault("token", "");
    require(modes.isEmpty() || !bearer.isEmpty(), "bearer token is required");
    this.address = address;
    this.connector = connector;
  }

  private static void require(boolean holds, String otherwise) throws Failed {
    if (!holds) {
      throw new Failed(otherwise);
    }
  }

  /** Asks once, as it does with each {@code pollingInterval} and for each question of the HPA. */
  Reading read() throws Failed {
    try {
      Socket socket = socket();
      socket.getOutputStream().write(request().getBytes(StandardCharsets.US_ASCII));
      return answer(socket.getInputStream());
    } catch (IOException e) {
      throw new Failed(e.toString());
    }
  }

  /** Of connections that were made. */
  int connections() {
    return connections;
  }

  private Socket socket() throws IOException {
    Socket open = kept;
    if (open == null) {
      open = connector.connect(address);
      open.setSoTimeout(Await.LIMIT_MS);
      kept = open;
      connections++;
    }
    return open;
  }

  /** As Go's client writes it; it asks for gzip by itself and opens that. */
  private String request() {
    String port = url.getPort() < 0 ? "" : ":" + url.getPort();
    String query = url.getRawQuery() == null ? "" : "?" + url.getRawQuery();
    return "GET "
        + url.getRawPath()
        + query
        + " HTTP/1.1\r\nHost: "
        + url.getHost()
        + port
        + "\r\nUser-Agent: Go-http-client/1.1\r\n"
        + (bearer.isEmpty() ? "" : "Authorization: Bearer " + bearer + "\r\n")
        + "Accept-Encoding: gzip"
        + END_OF_HEAD;
  }

  private Reading answer(InputStream in) throws IOException, Failed {
    String head = head(in);
    int status = Integer.parseInt(head.substring(9, 12));
    String encoding = header(head, "content-encoding");
    String length = header(head, "content-length");
    // It would read these as well.
    require(encoding.isEmpty() && !length.isEmpty(), "an answer that is not read here: " + head);
    byte[] body = in.readNBytes(Integer.parseInt(length));
    require(status == OK, url.getPath() + ": api returned " + status);
    return reading(InProcessGateway.JSON.readTree(body));
  }

  private static String head(InputStream in) throws IOException {
    StringBuilder head = new StringBuilder();
    while (head.indexOf(END_OF_HEAD) < 0) {
      int next = in.read();
      if (next < 0) {
        throw new IOException("the connection ended: " + head);
      }
      head.append((char) next);
    }
    return head.toString();
  }

  private static String header(String head, String name) {
    return head.lines()
        .filter(line -> line.toLowerCase(Locale.ROOT).startsWith(name + ":"))
        .map(line -> line.substring(name.length() + 1).strip())
        .findFirst()
        .orElse("");
  }

  /** Where {@code valueLocation} leads, by names with dots between. */
  private Reading reading(JsonNode body) throws Failed {
    JsonNode there = body;
    for (String name : valueLocation.split("\\.", -1)) {
      there = there.path(name);
    }
    // A string would have to be a quantity of Kubernetes, which nothing is that we tell.
    require(there.isNumber(), "valueLocation " + valueLocation + " must point to a numeric value");
    double value = there.asDouble();
    return new Reading(value, value > activationTarget, (int) Math.ceil(value / target));
  }

  @Override
  public void close() throws IOException {
    Socket open = kept;
    if (open != null) {
      open.close();
    }
  }
}
