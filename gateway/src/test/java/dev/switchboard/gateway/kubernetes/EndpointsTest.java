package dev.switchboard.gateway.kubernetes;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.switchboard.gateway.discovery.Endpoint;
import dev.switchboard.gateway.discovery.ModelSource;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;

class EndpointsTest {
  private static final JsonMapper JSON =
      JsonMapper.builder().propertyNamingStrategy(PropertyNamingStrategies.KEBAB_CASE).build();

  private static ModelSource source(String members) throws Exception {
    return JSON.readValue(
        "{\"model\":\"m\"," + members.replace('\'', '"') + "}", ModelSource.class);
  }

  private static <T extends ApiObjects.Watched> List<T> read(Class<T> type, String items)
      throws Exception {
    String list = "{'metadata':{'resourceVersion':'1'},'items':[" + items + "]}";
    return Objects.requireNonNull(
        ApiObjects.page(list.replace('\'', '"').getBytes(StandardCharsets.UTF_8), type).items());
  }

  private static String slice(String name, int revision, String family, String more) {
    return ("{'metadata':{'name':'%s','namespace':'d','resourceVersion':'%d','managedFields':[{}]},"
            + "'addressType':'%s',%s}")
        .formatted(name, revision, family, more);
  }

  private static String at(String pod, String address, String conditions) {
    return ("{'addresses':['%s','10.9.9.9'],'conditions':{%s},'targetRef':{'kind':'Pod','name':'%s',"
            + "'namespace':'d','uid':'%s-uid'},'zone':'z','nodeName':'n','hints':{}}")
        .formatted(address, conditions, pod, pod);
  }

  private static final String PORTS = "'ports':[{'name':'http','port':8000,'protocol':'TCP'}]";

  private static Endpoints.Known slices(ModelSource source, String... slices) throws Exception {
    return Endpoints.ofSlices(read(ApiObjects.Slice.class, String.join(",", slices)), source, "d");
  }

  @Test
  void unknownConditionsMeanReadyServingAndNotEnding() throws Exception {
    Endpoint found =
        slices(
                source("'service':'s'"),
                slice("a", 1, "IPv4", PORTS + ",'endpoints':[" + at("p", "10.0.0.1", "") + "]"))
            .endpoints()
            .getFirst();

    assertTrue(found.ready() && found.serving() && !found.terminating());
    assertEquals("10.0.0.1", found.host());
    assertEquals(8000, found.port());
    assertEquals("p-uid", found.pod().uid());
    assertEquals("z", found.pod().zone());
  }

  @Test
  void aPodInTwoSlicesIsOneEndpointAsTheNewerSliceSays() throws Exception {
    Endpoints.Known known =
        slices(
            source("'service':'s'"),
            slice(
                "a",
                7,
                "IPv4",
                PORTS + ",'endpoints':[" + at("p", "10.0.0.1", "'ready':true") + "]"),
            slice(
                "b",
                9,
                "IPv4",
                PORTS
                    + ",'endpoints':["
                    + at("p", "10.0.0.1", "'ready':false,'serving':true,'terminating':true")
                    + "]"));

    assertEquals(1, known.endpoints().size());
    assertTrue(known.endpoints().getFirst().terminating());
  }

  @Test
  void ofAPodWithBothFamiliesTheAddressOfIpv4Counts() throws Exception {
    Endpoints.Known known =
        slices(
            source("'service':'s'"),
            slice("six", 9, "IPv6", PORTS + ",'endpoints':[" + at("p", "fd00::1", "") + "]"),
            slice("four", 1, "IPv4", PORTS + ",'endpoints':[" + at("p", "10.0.0.1", "") + "]"),
            slice("only", 2, "IPv6", PORTS + ",'endpoints':[" + at("q", "fd00::2", "") + "]"));

    assertEquals(
        List.of("10.0.0.1", "fd00::2"), known.endpoints().stream().map(Endpoint::host).toList());
  }

  @Test
  void aPortIsFoundByNameByNumberOrBecauseItIsTheOnlyOne() throws Exception {
    String two =
        "'ports':[{'name':'http','port':8000},{'name':'metrics','port':9000},"
            + "{'name':'dns','port':53,'protocol':'UDP'}],'endpoints':["
            + at("p", "10.0.0.1", "")
            + "]";

    assertEquals(9000, port("'service':'s','port-name':'metrics'", two));
    assertEquals(8000, port("'service':'s','port':8000", two));
    assertEquals(-1, port("'service':'s','port':8001", two));
    assertEquals(-1, port("'service':'s','port-name':'dns'", two));
    assertEquals(-1, port("'service':'s'", two));
    assertEquals(
        8001,
        port(
            "'service':'s','port':8001",
            "'ports':[],'endpoints':[" + at("p", "10.0.0.1", "") + "]"));
  }

  private static int port(String members, String more) throws Exception {
    Endpoints.Known known = slices(source(members), slice("a", 1, "IPv4", more));
    assertEquals(known.endpoints().isEmpty(), known.trouble() != null);
    return known.endpoints().isEmpty() ? -1 : known.endpoints().getFirst().port();
  }

  @Test
  void whatIsNoAddressIsLeftOut() throws Exception {
    Endpoints.Known known =
        slices(
            source("'service':'s'"),
            slice(
                "a",
                1,
                "IPv4",
                PORTS
                    + ",'endpoints':["
                    + at("p", "evil.example/x", "")
                    + ",{'addresses':[]},{}"
                    + "]"),
            slice("b", 1, "FQDN", PORTS + ",'endpoints':[" + at("q", "a.example", "") + "]"));

    assertEquals(List.of(), known.endpoints());
    assertEquals("an address type that is not supported: FQDN", known.trouble());
  }

  private static final String POD =
      "{'metadata':{'name':'p','namespace':'d','uid':'u'%s},'spec':{'nodeName':'n','containers':["
          + "{'ports':[{'name':'http','containerPort':8000}]}]},'status':{'phase':'%s','podIP':'%s',"
          + "'conditions':[{'type':'Ready','status':'%s'}]}}";

  @Test
  void aPodIsReadyUntilItIsToEnd() throws Exception {
    Endpoint ready = pods("'selector':{'a':'b'},'port-name':'http'", "", "Running", "True");
    Endpoint ends =
        pods(
            "'selector':{'a':'b'},'port':1",
            ",'deletionTimestamp':'2026-11-29T00:00:00Z'",
            "Running",
            "True");

    assertTrue(ready.ready() && !ready.terminating());
    assertEquals(8000, ready.port());
    assertTrue(!ends.ready() && ends.serving() && ends.terminating());
    assertFalse(pods("'selector':{'a':'b'},'port':1", "", "Running", "False").ready());
  }

  private static Endpoint pods(String members, String meta, String phase, String ready)
      throws Exception {
    return Endpoints.ofPods(
            read(ApiObjects.Pod.class, POD.formatted(meta, phase, "10.0.0.1", ready)),
            source(members),
            List.of())
        .endpoints()
        .getFirst();
  }

  @Test
  void aPoolWithSeveralPortsMakesAnEndpointOfEach() throws Exception {
    List<ApiObjects.Pod> pods =
        read(ApiObjects.Pod.class, POD.formatted("", "Running", "10.0.0.1", "True"));

    Endpoints.Known known =
        Endpoints.ofPods(pods, source("'inference-pool':'x'"), List.of(8000, 8001));

    assertEquals(List.of(8000, 8001), known.endpoints().stream().map(Endpoint::port).toList());
    assertNull(known.trouble());
  }

  @Test
  void aPodThatHasEndedOrHasNoAddressIsNoEndpoint() throws Exception {
    for (String[] each : new String[][] {{"Failed", "10.0.0.1"}, {"Pending", ""}}) {
      List<ApiObjects.Pod> pods =
          read(ApiObjects.Pod.class, POD.formatted("", each[0], each[1], "True"));

      assertEquals(
          List.of(),
          Endpoints.ofPods(pods, source("'selector':{'a':'b'},'port':1"), List.of()).endpoints());
    }
  }
}
