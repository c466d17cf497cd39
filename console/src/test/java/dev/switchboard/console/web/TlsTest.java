package dev.switchboard.console.web;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.console.api.AdminClient;
import dev.switchboard.console.api.AdminKeys;
import dev.switchboard.console.api.ApiFailure;
import dev.switchboard.console.api.GatewayAddress;
import dev.switchboard.console.api.TestCertificate;
import dev.switchboard.console.api.Trust;
import java.io.IOException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import javax.net.ssl.SSLContext;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.SslConnectionFactory;
import org.eclipse.jetty.util.Callback;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the console shows of itself, and whom it believes, with certificates made here. */
class TlsTest {
  @TempDir private Path folder;

  private Path write(String name, String text) throws IOException {
    return Files.writeString(folder.resolve(name), text);
  }

  /** Reads from a server that has the certificate, as one who trusts so. */
  private String read(Tls tls, @Nullable SSLContext trust, String host) throws Exception {
    Server server = new Server();
    ServerConnector connector =
        new ServerConnector(
            server,
            new SslConnectionFactory(tls.context(), "http/1.1"),
            new HttpConnectionFactory());
    connector.setHost("127.0.0.1");
    server.addConnector(connector);
    server.setHandler(
        new Handler.Abstract() {
          @Override
          public boolean handle(Request request, Response response, Callback callback) {
            byte[] body = "{\"said\": \"hello\"}".getBytes(StandardCharsets.UTF_8);
            response.write(true, ByteBuffer.wrap(body), callback);
            return true;
          }
        });
    server.start();
    URI uri = URI.create("https://" + host + ":" + connector.getLocalPort());
    try (AdminClient client =
        new AdminClient(new GatewayAddress("gw", uri), AdminKeys.NONE, trust)) {
      return client.get("/admin/v1/gateway").path("said").asString("");
    } finally {
      server.stop();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"EC", "RSA", "Ed25519"})
  void whoeverTrustsItsAuthorityReads(String algorithm) throws Exception {
    TestCertificate root = TestCertificate.root("root", "EC");
    TestCertificate own = root.issue("console", algorithm);
    Tls tls = new Tls(write("own.pem", own.pem() + root.pem()), write("own.key", own.keyPem()));

    String said = read(tls, Trust.of(write("ca.pem", root.pem())), "127.0.0.1");

    assertEquals("hello", said);
  }

  @Test
  void anotherAuthorityIsNotBelieved() throws Exception {
    TestCertificate own = TestCertificate.root("root", "EC").issue("console", "EC");
    Tls tls = new Tls(write("own.pem", own.pem()), write("own.key", own.keyPem()));
    SSLContext other = Trust.of(write("ca.pem", TestCertificate.root("other", "EC").pem()));

    ApiFailure byOther = assertThrows(ApiFailure.class, () -> read(tls, other, "127.0.0.1"));
    ApiFailure bySystem = assertThrows(ApiFailure.class, () -> read(tls, null, "127.0.0.1"));

    assertEquals(ApiFailure.Kind.UNREACHABLE, byOther.kind());
    assertEquals(ApiFailure.Kind.UNREACHABLE, bySystem.kind());
  }

  @Test
  void aCertificateOfAnotherNameIsNotBelieved() throws Exception {
    TestCertificate root = TestCertificate.root("root", "EC");
    TestCertificate own = root.issue("console", "EC");
    Tls tls = new Tls(write("own.pem", own.pem()), write("own.key", own.keyPem()));
    SSLContext trust = Trust.of(write("ca.pem", root.pem()));

    assertThrows(ApiFailure.class, () -> read(tls, trust, "127.0.0.2"));
  }

  @Test
  void whatIsNoCertificateOrNoKeyIsNamed() throws Exception {
    TestCertificate own = TestCertificate.root("root", "EC");
    Path certificate = write("own.pem", own.pem());
    Path nothing = write("nothing.pem", "nothing");

    IOException key =
        assertThrows(IOException.class, () -> new Tls(certificate, nothing).context());
    IOException chain = assertThrows(IOException.class, () -> new Tls(nothing, nothing).context());

    assertTrue(String.valueOf(key.getMessage()).startsWith("--tls-key"), key.toString());
    assertTrue(String.valueOf(chain.getMessage()).startsWith("--tls-certificate"), "" + chain);
    assertThrows(IOException.class, () -> Trust.of(nothing));
  }
}
