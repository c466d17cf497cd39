package dev.switchboard.gateway.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CorsConfigTest {

  @ParameterizedTest
  @ValueSource(
      strings = {
        "*",
        "https://app.example.com",
        "http://localhost:5173",
        "http://[::1]:80",
        "chrome-extension://abcdef"
      })
  void originsAreTaken(String origin) {
    assertEquals(origin.equals("*"), new CorsConfig(List.of(origin)).any());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "app.example.com",
        "https://app.example.com/",
        "https://*.example.com",
        "null"
      })
  void whatNoBrowserSendsIsRefused(String origin) {
    IllegalArgumentException refused =
        assertThrows(IllegalArgumentException.class, () -> new CorsConfig(List.of(origin)));

    assertTrue(String.valueOf(refused.getMessage()).startsWith("origins "), origin);
    assertFalse(CorsConfig.NONE.any());
  }
}
