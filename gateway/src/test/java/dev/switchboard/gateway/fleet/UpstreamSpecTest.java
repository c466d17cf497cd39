package dev.switchboard.gateway.fleet;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.net.URI;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class UpstreamSpecTest {
  @ParameterizedTest
  @CsvSource({
    "http://h:8000, http://h:8000",
    "http://h:8000/, http://h:8000",
    "http://h:8000/v1, http://h:8000",
    "http://h:8000/v1/, http://h:8000",
    "http://h:8000//v1//, http://h:8000",
    "https://h/openai/v1, https://h/openai",
    "https://h/v1beta, https://h/v1beta",
    "https://h/v1/base, https://h/v1/base",
    "https://h/av1, https://h/av1",
    "https://[::1]/v1, https://[::1]",
    "http://v1, http://v1"
  })
  void theBaseOfAnApiIsTakenWithOrWithoutItsVersion(URI given, URI base) {
    assertEquals(base, UpstreamSpec.of(given, List.of("m"), null, null).url());
  }
}
