package dev.switchboard.gateway.discovery;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.net.URI;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ModelSourceTest {
  private static final JsonMapper JSON =
      JsonMapper.builder().propertyNamingStrategy(PropertyNamingStrategies.KEBAB_CASE).build();

  private static ModelSource read(String members) throws Exception {
    return JSON.readValue(
        "{\"model\":\"m\"," + members.replace('\'', '"') + "}", ModelSource.class);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          'port':8000                                        | exactly one of service
          'service':'a','selector':{'a':'b'},'port':1        | exactly one of service
          'service':'a','inference-pool':'b'                 | exactly one of service
          'service':'A b'                                    | service must be a name
          'service':'a/b'                                    | service must be a name
          'service':'a','namespace':'..'                     | namespace must be a name
          'service':'a','port':0                             | port must be 1 to 65535
          'service':'a','port':1,'port-name':'x'             | port and port-name
          'service':'a','port-name':'X'                      | port-name must be
          'selector':{'app':'w'}                             | selector needs a port
          'selector':{'app':'w,x'},'port':1                  | is no label
          'service':'a','scheme':'ftp'                       | scheme must be
          'service':'a','server-name':'x'                    | server-name needs the scheme
          'service':'a','engine':'lmdeploy'                  | engine must be one of
          'service':'a','tls-ca-file':'/x'                   | tls-ca-file needs an https url
          'service':'a','api-key-env':'A','api-key-file':'b' | give only one
          'service':'a','weight':-1                          | weight must be
          """)
  void whatIsWrongIsNamed(String members, String complaint) {
    JsonMappingException refused =
        assertThrows(JsonMappingException.class, () -> read(members.strip()));

    assertTrue(
        String.valueOf(refused.getMessage()).contains(complaint.strip()), refused::getMessage);
  }

  @Test
  void withoutAnEngineItIsOurWorker() throws Exception {
    ModelSource source = read("'service':'workers','api-key-env':'FLEET'");

    assertTrue(source.worker());
    assertEquals(true, source.spec(URI.create("http://10.0.0.1:80")).worker());
    assertEquals("FLEET", source.spec(URI.create("http://10.0.0.1:80")).apiKeyEnv());
  }

  @Test
  void aForeignEngineIsSpokenToLikeAnUpstream() throws Exception {
    ModelSource vllm = read("'service':'v','engine':'vllm','model-name':'org/model'");
    ModelSource plain = read("'service':'v','engine':'openai'");

    assertFalse(vllm.worker());
    assertEquals("vllm", vllm.spec(URI.create("http://10.0.0.1:80")).engine());
    assertEquals(
        Map.of("m", "org/model"), vllm.spec(URI.create("http://10.0.0.1:80")).modelNames());
    assertNull(plain.spec(URI.create("http://10.0.0.1:80")).engine());
  }

  @Test
  void aSelectorIsAlwaysWrittenTheSameWay() throws Exception {
    ModelSource source = read("'selector':{'b':'2','a':'1'},'port':1");

    assertEquals("a=1,b=2", source.selectorText());
    assertEquals("pods a=1,b=2", source.label());
    assertEquals("m", Objects.requireNonNull(source.model()));
  }
}
