package dev.switchboard.gateway.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.switchboard.gateway.tls.PemFile;
import dev.switchboard.gateway.tls.TestCertificate;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLPeerUnverifiedException;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the launcher's commands trust and show, from the files that variables name. */
class TrustTest {
  @TempDir private Path folder;

  private PemFile file(String variable, String content) throws Exception {
    return new PemFile(variable, Files.writeString(folder.resolve(variable), content));
  }

  @Test
  void aCertificateWithAKeyOfTheOlderFormIsShown() throws Exception {
    TestCertificate root = TestCertificate.root("root", "EC");
    TestCertificate own = root.issue("operator", "RSA");

    SSLContext client =
        Trust.context(file("CA", root.pem()), file("OWN", own.pem() + own.olderKeyPem()));

    assertEquals("CN=operator", shownTo(root.trusted(root.issue("server", "EC")), client));
  }

  @Test
  void withoutAFileNothingIsShown() throws Exception {
    TestCertificate root = TestCertificate.root("root", "EC");

    SSLContext client = Trust.context(file("CA", root.pem()), null);

    assertEquals("nobody", shownTo(root.trusted(root.issue("server", "EC")), client));
  }

  @Test
  void aFileThatCannotBeUsedIsNamedByItsVariable() throws Exception {
    TestCertificate root = TestCertificate.root("root", "EC");
    PemFile empty = file("SWITCHBOARD_ADMIN_CA", "");
    PemFile keyless = file("SWITCHBOARD_ADMIN_CERTIFICATE", root.pem());

    CommandFailure first = assertThrows(CommandFailure.class, () -> Trust.context(empty, null));
    CommandFailure second = assertThrows(CommandFailure.class, () -> Trust.context(null, keyless));

    assertEquals(
        "SWITCHBOARD_ADMIN_CA: SWITCHBOARD_ADMIN_CA holds no certificate (BEGIN CERTIFICATE)",
        withoutFolder(first));
    assertEquals(
        "SWITCHBOARD_ADMIN_CERTIFICATE: SWITCHBOARD_ADMIN_CERTIFICATE must hold one private key"
            + " (BEGIN PRIVATE KEY), not 0",
        withoutFolder(second));
  }

  private String withoutFolder(CommandFailure failure) {
    return String.valueOf(failure.getMessage()).replace(folder + "/", "");
  }

  /** Whom a server that asks for a certificate sees. */
  private static String shownTo(SSLContext server, SSLContext client) throws Exception {
    try (SSLServerSocket listener =
            (SSLServerSocket)
                server
                    .getServerSocketFactory()
                    .createServerSocket(0, 1, InetAddress.getLoopbackAddress());
        ExecutorService accepting = Executors.newVirtualThreadPerTaskExecutor()) {
      listener.setWantClientAuth(true);
      Future<String> seen =
          accepting.submit(
              () -> {
                try (SSLSocket accepted = (SSLSocket) listener.accept()) {
                  accepted.startHandshake();
                  return accepted.getSession().getPeerPrincipal().getName();
                } catch (SSLPeerUnverifiedException e) {
                  return "nobody";
                }
              });
      try (SSLSocket socket =
          (SSLSocket)
              client
                  .getSocketFactory()
                  .createSocket(listener.getInetAddress(), listener.getLocalPort())) {
        socket.startHandshake();
        return seen.get();
      }
    }
  }
}
