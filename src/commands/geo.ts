/** Places on earth, kept in sorted sets. */
import { key, keyAfter } from "./key-specs.ts";
import { family } from "./row.ts";

export const geoCommands = family({ group: "geo", categories: "geo", host: false }, [
  {
    name: "geoadd",
    arity: -5,
    flags: "write denyoom",
    keys: [key(1, "RW update")],
    since: "3.2.0",
    complexity: "O(log(N)) for N members",
    summary: "Adds places, or moves those that are there",
    history: ["6.2.0: `CH`, `NX` and `XX`."],
    syntax:
      "key#0 [condition(NX | XX)@6.2.0] [CH=change@6.2.0] longitude_latitude_member(longitude:double latitude:double member)...",
  },
  {
    name: "geodist",
    arity: -4,
    flags: "readonly",
    keys: [key(1, "RO access")],
    since: "3.2.0",
    complexity: "O(log(N)) for N members",
    summary: "Answers the distance between two places",
    syntax: "key#0 member1 member2 [unit(M | KM | FT | MI)]",
  },
  {
    name: "geohash",
    arity: -2,
    flags: "readonly",
    keys: [key(1, "RO access")],
    since: "3.2.0",
    complexity: "O(log(N)) for N members",
    summary: "Answers the geohash texts of places",
    syntax: "key#0 member...",
  },
  {
    name: "geopos",
    arity: -2,
    flags: "readonly",
    keys: [key(1, "RO access")],
    since: "3.2.0",
    complexity: "O(N) for N members asked about",
    summary: "Answers longitude and latitude of places",
    syntax: "key#0 member...",
  },
  {
    name: "georadius",
    arity: -6,
    flags: "write denyoom",
    keys: [
      key(1, "RO access"),
      keyAfter("STORE", 6, "OW update"),
      keyAfter("STOREDIST", 6, "OW update"),
    ],
    since: "3.2.0",
    complexity: "O(N+log(M)) for M places, N of them near the area",
    summary: "Finds the places within a distance of a point, and may store them",
    deprecated: ["6.2.0", "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument"],
    history: ["6.2.0: `ANY` behind `COUNT`.", "7.0.0: Units in upper case."],
    syntax:
      "key#0 longitude:double latitude:double radius:double unit(M | KM | FT | MI) [WITHCOORD] [WITHDIST] [WITHHASH] [count(COUNT count:integer [ANY@6.2.0])] [order(ASC | DESC)] [STORE key#1] [STOREDIST key#2]",
  },
  {
    name: "georadius_ro",
    arity: -6,
    flags: "readonly",
    keys: [key(1, "RO access")],
    since: "3.2.10",
    complexity: "O(N+log(M)) for M places, N of them near the area",
    summary: "Finds the places within a distance of a point",
    deprecated: ["6.2.0", "`GEOSEARCH` with the `BYRADIUS` argument"],
    history: ["6.2.0: `ANY` behind `COUNT`."],
    syntax:
      "key#0 longitude:double latitude:double radius:double unit(M | KM | FT | MI) [WITHCOORD] [WITHDIST] [WITHHASH] [count(COUNT count:integer [ANY@6.2.0])] [order(ASC | DESC)]",
  },
  {
    name: "georadiusbymember",
    arity: -5,
    flags: "write denyoom",
    keys: [
      key(1, "RO access"),
      keyAfter("STORE", 5, "OW update"),
      keyAfter("STOREDIST", 5, "OW update"),
    ],
    since: "3.2.0",
    complexity: "O(N+log(M)) for M places, N of them near the area",
    summary: "Finds the places within a distance of another one, and may store them",
    deprecated: [
      "6.2.0",
      "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments",
    ],
    history: ["7.0.0: Units in upper case."],
    syntax:
      "key#0 member radius:double unit(M | KM | FT | MI) [WITHCOORD] [WITHDIST] [WITHHASH] [count(COUNT count:integer [ANY])] [order(ASC | DESC)] [STORE key#1] [STOREDIST key#2]",
  },
  {
    name: "georadiusbymember_ro",
    arity: -5,
    flags: "readonly",
    keys: [key(1, "RO access")],
    since: "3.2.10",
    complexity: "O(N+log(M)) for M places, N of them near the area",
    summary: "Finds the places within a distance of another one",
    deprecated: ["6.2.0", "`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments"],
    syntax:
      "key#0 member radius:double unit(M | KM | FT | MI) [WITHCOORD] [WITHDIST] [WITHHASH] [count(COUNT count:integer [ANY])] [order(ASC | DESC)]",
  },
  {
    name: "geosearch",
    arity: -7,
    flags: "readonly",
    keys: [key(1, "RO access")],
    since: "6.2.0",
    complexity: "O(N+log(M)) for M places, N of them near the area",
    summary: "Finds the places inside a circle or a box",
    history: ["7.0.0: Units in upper case."],
    syntax:
      "key#0 from(FROMMEMBER member | FROMLONLAT longitude_latitude(longitude:double latitude:double)) by(circle(BYRADIUS radius:double unit(M | KM | FT | MI)) | box(BYBOX width:double height:double unit(M | KM | FT | MI))) [order(ASC | DESC)] [count(COUNT count:integer [ANY])] [WITHCOORD] [WITHDIST] [WITHHASH]",
  },
  {
    name: "geosearchstore",
    arity: -8,
    flags: "write denyoom",
    keys: [key(1, "OW update"), key(2, "RO access")],
    since: "6.2.0",
    complexity: "O(N+log(M)) for M places, N of them near the area",
    summary: "Stores the places inside a circle or a box",
    history: ["7.0.0: Units in upper case."],
    syntax:
      "destination#0 source#1 from(FROMMEMBER member | FROMLONLAT longitude_latitude(longitude:double latitude:double)) by(circle(BYRADIUS radius:double unit(M | KM | FT | MI)) | box(BYBOX width:double height:double unit(M | KM | FT | MI))) [order(ASC | DESC)] [count(COUNT count:integer [ANY])] [STOREDIST]",
  },
]);
