package dev.switchboard.gateway.boot;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.identity.KeySecret;
import dev.switchboard.gateway.kubernetes.Cluster;
import dev.switchboard.gateway.tls.PemFile;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Makes the keys of an installation on Kubernetes, once: a Secret with a fresh key for each role
 * and the fleet's secret. It only ever asks for a new Secret; one that is there already is left
 * alone, and never read.
 */
@Command(
    name = "new-keys",
    sortOptions = false,
    description = "Makes a Secret with fresh keys in this pod's namespace, unless it is there.",
    mixinStandardHelpOptions = true,
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {"0:the Secret is there", "1:the API server did not make it", "2:wrong options"})
public final class NewKeysMain implements Callable<Integer> {
  /** The fleet's secret, then a key for each role. */
  static final List<String> NAMES = List.of("fleet", "app", "viewer", "operator", "admin");

  private static final Duration TIMEOUT = Duration.ofSeconds(10);
  private static final ObjectMapper JSON = new ObjectMapper();

  @Option(names = "--secret", required = true, description = "Its name.")
  private String secret = "";

  @Option(
      names = "--api-server",
      description = "Default: https and KUBERNETES_SERVICE_HOST and _PORT.")
  private @Nullable URI apiServer;

  @Option(
      names = "--account",
      paramLabel = "FOLDER",
      defaultValue = "/var/run/secrets/kubernetes.io/serviceaccount",
      description = "Token, ca.crt and namespace (default ${DEFAULT-VALUE}).")
  private Path account = Path.of("");

  private final SecureRandom random = new SecureRandom();

  NewKeysMain() {}

  /** The entry point. */
  public static void main(String[] arguments) {
    System.exit(new CommandLine(new NewKeysMain()).execute(arguments));
  }

  @Override
  public Integer call() throws GeneralSecurityException {
    try {
      String namespace = Files.readString(account.resolve("namespace")).strip();
      HttpURLConnection connection = connect(namespace);
      try (OutputStream body = connection.getOutputStream()) {
        body.write(body(namespace).toString().getBytes(StandardCharsets.UTF_8));
      }
      return outcome(namespace, connection);
    } catch (IOException | IllegalArgumentException e) {
      System.err.println("new-keys: " + e);
      return 1;
    }
  }

  private int outcome(String namespace, HttpURLConnection connection) throws IOException {
    int status = connection.getResponseCode();
    if (status == HttpURLConnection.HTTP_CONFLICT) {
      System.out.println("new-keys: " + namespace + "/" + secret + " is there already");
      return 0;
    }
    if (status == HttpURLConnection.HTTP_CREATED) {
      System.out.println("new-keys: made " + namespace + "/" + secret);
      return 0;
    }
    System.err.println("new-keys: the API server answers " + status + ": " + said(connection));
    return 1;
  }

  private static String said(HttpURLConnection connection) throws IOException {
    try (InputStream error = connection.getErrorStream()) {
      return error == null
          ? ""
          : JSON.readTree(error.readNBytes(65_536)).path("message").asText("");
    }
  }

  private ObjectNode body(String namespace) {
    ObjectNode made = JSON.createObjectNode().put("apiVersion", "v1").put("kind", "Secret");
    made.putObject("metadata")
        .put("name", secret)
        .put("namespace", namespace)
        .putObject("labels")
        .put("app.kubernetes.io/part-of", "switchboard");
    ObjectNode keys = made.put("type", "Opaque").putObject("stringData");
    NAMES.forEach(name -> keys.put(name, KeySecret.fresh(random)));
    return made;
  }

  private HttpURLConnection connect(String namespace) throws IOException, GeneralSecurityException {
    URI server = apiServer == null ? ownCluster() : apiServer;
    HttpURLConnection connection =
        (HttpURLConnection)
            server.resolve("/api/v1/namespaces/" + namespace + "/secrets").toURL().openConnection();
    if (connection instanceof HttpsURLConnection secure) {
      secure.setSSLSocketFactory(trusting(account.resolve("ca.crt")).getSocketFactory());
    }
    connection.setConnectTimeout((int) TIMEOUT.toMillis());
    connection.setReadTimeout((int) TIMEOUT.toMillis());
    connection.setInstanceFollowRedirects(false);
    connection.setRequestMethod("POST");
    connection.setDoOutput(true);
    connection.setRequestProperty("Content-Type", "application/json");
    connection.setRequestProperty("Accept", "application/json");
    connection.setRequestProperty(
        "Authorization", "Bearer " + Files.readString(account.resolve("token")).strip());
    return connection;
  }

  private static URI ownCluster() throws IOException {
    URI own = Cluster.ofPod(System::getenv);
    if (own == null) {
      throw new IOException("not in a pod: there is no KUBERNETES_SERVICE_HOST");
    }
    return own;
  }

  /** Trusts the cluster's own authority and no other. */
  private static SSLContext trusting(Path file) throws GeneralSecurityException {
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(
        null,
        PemFile.trusting(new PemFile("the cluster's authority", file).certificates())
            .getTrustManagers(),
        null);
    return context;
  }
}
