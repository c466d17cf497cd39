package dev.switchboard.framing;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.netty.handler.codec.http.DefaultHttpRequest;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpVersion;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class HostHeaderTest {
  private static DefaultHttpRequest request(HttpVersion version) {
    return new DefaultHttpRequest(version, HttpMethod.GET, "/");
  }

  @ParameterizedTest
  @CsvSource({
    "a, true",
    "localhost:8080, true",
    "127.0.0.1, true",
    "[::1], true",
    "[::1]:80, true",
    "my_host.example-1.com:, true",
    "'', false",
    ":80, false",
    "a b, false",
    "a:b, false",
    "a:1:2, false",
    "a/b, false",
    "u@a, false",
    "'a,b', false",
    "[], false",
    "[::1, false",
    "[::1]x, false",
    "::1, false"
  })
  void aHostIsANameOrAnAddressAndPerhapsAPort(String host, boolean valid) {
    DefaultHttpRequest request = request(HttpVersion.HTTP_1_1);
    request.headers().add("Host", host);

    assertEquals(valid, HostHeader.isValid(request));
  }

  @Test
  void twoHostsAreOneTooManyAndNoneIsEnoughOnlyInHttp10() {
    DefaultHttpRequest two = request(HttpVersion.HTTP_1_1);
    two.headers().add("Host", "a").add("Host", "a");

    assertEquals(false, HostHeader.isValid(two));
    assertEquals(false, HostHeader.isValid(request(HttpVersion.HTTP_1_1)));
    assertEquals(true, HostHeader.isValid(request(HttpVersion.HTTP_1_0)));
  }
}
