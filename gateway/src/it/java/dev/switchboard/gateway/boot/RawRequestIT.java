package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.testing.Await;
import java.io.IOException;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Each known attack by raw bytes, at the public and at the admin listener: what it is told. */
class RawRequestIT {
  private static final String CHUNKED =
      """
      POST @POST HTTP/1.1
      Host: localhost
      X-Switchboard-Admin: 1
      Transfer-Encoding: chunked

      """
          .replace("\n", "\r\n");

  @RegisterExtension static final AnsweringGateway SERVED = new AnsweringGateway("");

  /** What both listeners say; {@code @GET} and {@code @POST} are paths that each has. */
  private static void assertBoth(int status, String code, String bytes) throws IOException {
    String replica = SERVED.gateway().fleet().replicas().getFirst().id();
    for (URI listener : List.of(SERVED.gateway().api(""), SERVED.gateway().admin(""))) {
      boolean api = listener.equals(SERVED.gateway().api(""));
      String post = api ? "/v1/chat/completions" : "/admin/v1/replicas/" + replica + "/weight";
      String answer =
          raw(
              listener,
              bytes
                  .replace("@GET", api ? "/v1/models" : "/admin/v1/models")
                  .replace("@POST", post)
                  .replace("@PORT", "" + listener.getPort()));

      assertTrue(answer.matches("(?s)HTTP/1\\.[01] " + status + " .*"), bytes + answer);
      assertTrue(answer.contains("\"code\":\"" + code + "\""), bytes + answer);
      assertEquals(2, answer.split("(?m)^HTTP/1\\.[01] \\d", -1).length, bytes + answer);
      if (api) {
        String head = answer.toLowerCase(Locale.ROOT);
        for (String name : List.of("x-request-id", "x-switchboard-reason", "server-timing")) {
          assertTrue(head.contains("\r\n" + name + ": "), name + answer);
        }
      }
    }
  }

  /** Everything that is said until the connection is closed. */
  private static String raw(URI listener, String bytes) throws IOException {
    try (Socket socket = new Socket(listener.getHost(), listener.getPort())) {
      socket.setSoTimeout(Await.LIMIT_MS);
      socket.getOutputStream().write(bytes.getBytes(StandardCharsets.ISO_8859_1));
      return new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  private static String get(String target, String version, String lines) {
    return "GET " + target + " " + version + "\r\nHost: localhost\r\n" + lines + "\r\n";
  }

  @Test
  void twoAuthorizationsAreRefused() throws Exception {
    String lines = "Authorization: Bearer a\r\nauthorization: Bearer b\r\n";

    assertBoth(400, "malformed_http", get("@GET", "HTTP/1.1", lines));
  }

  @Test
  void twoContentTypesAndTwoOriginsAreRefused() throws Exception {
    for (String line :
        List.of("Content-Type: application/json\r\n", "Origin: http://localhost\r\n")) {
      assertBoth(400, "malformed_http", get("@GET", "HTTP/1.1", line + line));
    }
  }

  @Test
  void anyByteUpToASpaceBehindAChunksSizeIsRefused() throws Exception {
    for (char c = 0; c <= 0x20; c++) {
      if (c != '\n') {
        assertBoth(400, "malformed_http", CHUNKED + "2" + c + "\r\n{}\r\n0\r\n\r\n");
      }
    }
  }

  @Test
  void anyByteAboveAsciiBehindAChunksSizeIsRefusedWithAnAnswer() throws Exception {
    for (int octet = 0x7f; octet <= 0xff; octet += 16) {
      char c = (char) octet;
      assertBoth(400, "malformed_http", CHUNKED + "2" + c + "\r\n{}\r\n0\r\n\r\n");
      assertBoth(400, "malformed_http", CHUNKED + c + "2\r\n{}\r\n0\r\n\r\n");
      assertBoth(400, "malformed_http", CHUNKED + "2\r\n{}\r\n0" + c + "\r\n\r\n");
    }
  }

  @Test
  void aChunkExtensionWithoutNameOrValueIsRefused() throws Exception {
    for (String extension : List.of(";", ";;a", ";a=", ";a=\"b", ";a b", "; =b", ";a=\"\u0001\"")) {
      assertBoth(400, "malformed_http", CHUNKED + "2" + extension + "\r\n{}\r\n0\r\n\r\n");
    }
  }

  @Test
  void anotherVersionIsToldSoWithTheUsualHeaders() throws Exception {
    for (String version : List.of("HTTP/2.0", "HTTP/1.2", "HTTP/0.9", "HTTP/3.0", "HTTP/9.9")) {
      assertBoth(505, "http_version_not_supported", get("@GET", version, ""));
    }
    for (String version : List.of("http/1.1", "HTTP/1", "HTTP/1.10", "HTTP/11", "HTTPS/1.1", "")) {
      assertBoth(400, "malformed_http", get("@GET", version, ""));
    }
    assertBoth(505, "http_version_not_supported", "PRI * HTTP/2.0\r\n\r\nXM\r\n\r\n");
  }

  /** RFC 9113: an empty SETTINGS frame, then GOAWAY with HTTP_1_1_REQUIRED. */
  @Test
  void http2ByPriorKnowledgeIsRefusedInItsOwnFrames() throws Exception {
    String preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    String settings = "\0\0\0\4\0\0\0\0\0";
    for (URI listener : List.of(SERVED.gateway().api(""), SERVED.gateway().admin(""))) {
      for (String bytes : List.of(preface, preface + settings + "\0\0\5\1\5\0\0\0\1abcde")) {
        String answer = raw(listener, bytes);

        assertEquals(
            settings + "\0\0\46\7\0\0\0\0\0\0\0\0\0\0\0\0\15This listener speaks HTTP/1.1.",
            answer);
      }
      try (Socket socket = new Socket(listener.getHost(), listener.getPort())) {
        socket.setSoTimeout(Await.LIMIT_MS);
        socket.setTcpNoDelay(true);
        for (byte octet : preface.getBytes(StandardCharsets.US_ASCII)) {
          socket.getOutputStream().write(octet);
        }
        assertEquals(
            settings, new String(socket.getInputStream().readNBytes(9), StandardCharsets.US_ASCII));
      }
    }
  }

  @Test
  void aRequestLineHasThreePartsWithOneSpaceBetween() throws Exception {
    for (String line :
        List.of(
            "GET  @GET HTTP/1.1",
            "GET @GET  HTTP/1.1",
            "GET\t@GET HTTP/1.1",
            "GET @GET\tHTTP/1.1",
            "GET @GET HTTP/1.1 ",
            " GET @GET HTTP/1.1",
            "\u0000GET @GET HTTP/1.1",
            "\u0001\r\nGET @GET HTTP/1.1",
            "\u0085GET @GET HTTP/1.1",
            "G(T @GET HTTP/1.1",
            "GET @GET x HTTP/1.1",
            "GET @GET\u00e9 HTTP/1.1",
            "GET @GET\u007f HTTP/1.1",
            "GET @GET#x HTTP/1.1",
            "GET @GET\\x HTTP/1.1")) {
      assertBoth(400, "malformed_http", line + "\r\nHost: localhost\r\n\r\n");
    }
  }

  @Test
  void aUrlOfAnotherHostOrSchemeIsRefused() throws Exception {
    for (String target :
        List.of(
            "http://other@GET",
            "http://localhost:1@GET",
            "http://x@localhost@GET",
            "http://@GET",
            "ftp://localhost@GET",
            "localhost@GET",
            "*")) {
      assertBoth(400, "malformed_http", get(target, "HTTP/1.1", ""));
    }
  }

  @Test
  void aUrlOfTheSameHostIsServed() throws Exception {
    for (URI listener : List.of(SERVED.gateway().api(""), SERVED.gateway().admin(""))) {
      String path = listener.equals(SERVED.gateway().api("")) ? "/v1/models" : "/admin/v1/models";
      String bytes = get("HTTP://LOCALHOST" + path, "HTTP/1.1", "Connection: close\r\n");

      assertTrue(raw(listener, bytes).startsWith("HTTP/1.1 200 "), raw(listener, bytes));
    }
  }

  @Test
  void aNameThatWasMadeToPointHereIsRefused() throws Exception {
    for (String host : List.of("evil.example", "localhost.evil.example:80", "127.0.0.2")) {
      String bytes = "GET @GET HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n";

      assertBoth(421, "unknown_host", bytes);
    }
  }

  @Test
  void aSimplePostOfAnotherSiteIsRefused() throws Exception {
    for (String origin :
        List.of("https://evil.example", "null", "http://localhost:1", "https://localhost:@PORT")) {
      String bytes =
          "POST @POST HTTP/1.1\r\nHost: localhost:@PORT\r\nOrigin: "
              + origin
              + "\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}";

      assertBoth(403, "origin_not_allowed", bytes);
    }
    assertEquals(List.of(), SERVED.upstream().seen.stream().toList());
  }

  @Test
  void aPictureOnAPageOfAnotherSiteIsRefused() throws Exception {
    String lines = "Sec-Fetch-Site: cross-site\r\nConnection: close\r\n";

    assertBoth(403, "origin_not_allowed", get("@GET", "HTTP/1.1", lines));
  }

  @Test
  void theListenersOwnOriginIsAllowed() throws Exception {
    for (URI listener : List.of(SERVED.gateway().api(""), SERVED.gateway().admin(""))) {
      String path = listener.equals(SERVED.gateway().api("")) ? "/v1/models" : "/admin/v1/models";
      String host = "localhost:" + listener.getPort();
      String bytes =
          "GET "
              + path
              + " HTTP/1.1\r\nHost: "
              + host
              + "\r\nOrigin: http://"
              + host
              + "\r\nSec-Fetch-Site: same-origin\r\nConnection: close\r\n\r\n";

      assertTrue(raw(listener, bytes).startsWith("HTTP/1.1 200 "), raw(listener, bytes));
    }
  }

  @Test
  void aPageBehindAProxyThatSpeaksTlsIsOfTheListenersOwnSite() throws Exception {
    String own = "GET /v1/models HTTP/1.1\r\nHost: A:8443\r\nConnection: close\r\nOrigin: ";

    String proxied = raw(SERVED.gateway().api(""), own + "https://a:8443\r\n\r\n");
    String other = raw(SERVED.gateway().api(""), own + "https://a\r\n\r\n");

    assertTrue(proxied.startsWith("HTTP/1.1 200 "), proxied);
    assertTrue(other.startsWith("HTTP/1.1 403 "), other);
  }

  @Test
  void probesOfOldLoadBalancersAreAnsweredWithoutAHost() throws Exception {
    for (URI listener : List.of(SERVED.gateway().api(""), SERVED.gateway().admin(""))) {
      for (String path : List.of("/livez", "/readyz")) {
        String answer = raw(listener, "GET " + path + " HTTP/1.0\r\n\r\n");

        assertTrue(answer.startsWith("HTTP/1.0 200 "), path + answer);
      }
    }
  }

  @Test
  void probesAreAnsweredUnderAnyName() throws Exception {
    for (URI listener : List.of(SERVED.gateway().api(""), SERVED.gateway().admin(""))) {
      for (String path : List.of("/livez", "/readyz")) {
        String bytes =
            "GET " + path + " HTTP/1.1\r\nHost: 10.0.0.7:80\r\nConnection: close\r\n\r\n";

        assertTrue(raw(listener, bytes).startsWith("HTTP/1.1 200 "), path);
      }
    }
  }

  @Test
  void withKeysAnyNameIsServedToWhoHasOne() throws Exception {
    String keys =
        "auth: {keys: [{name: k, sha256: "
            + "2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683, role: app}]}";
    try (InProcessGateway keyed = InProcessGateway.before(keys, SERVED.upstream())) {
      String lines = "Origin: https://site.example\r\nConnection: close\r\n";
      String head = "GET /v1/models HTTP/1.1\r\nHost: api.example\r\n" + lines;

      String without = raw(keyed.api(""), head + "\r\n");
      String with = raw(keyed.api(""), head + "Authorization: Bearer key\r\n\r\n");

      assertTrue(without.startsWith("HTTP/1.1 401 "), without);
      assertTrue(with.startsWith("HTTP/1.1 200 "), with);
    }
  }

  @Test
  void jsonIsAContentTypeInAnyCaseWithParameters() throws Exception {
    String replica = SERVED.gateway().fleet().replicas().getFirst().id();
    String path = "/admin/v1/replicas/" + replica + "/weight";
    for (String type :
        List.of("application/JSON", "Application/Json; charset=UTF-8", "application/json ;a=b")) {
      assertTrue(change(path, type).startsWith("HTTP/1.1 200 "), type);
    }
    for (String type :
        List.of("text/plain", "text/plain; application/json", "application/jsonx", "")) {
      assertTrue(change(path, type).startsWith("HTTP/1.1 403 "), type);
    }
  }

  private static String change(String path, String type) throws IOException {
    return raw(
        SERVED.gateway().admin(""),
        "POST "
            + path
            + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
            + type
            + "\r\nConnection: close\r\nContent-Length: 12\r\n\r\n{\"weight\":1}");
  }
}
