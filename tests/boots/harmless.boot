title A 7942 boots and works: what it does not find on the way is optional, and names in another case are the same files
answers A13 B3 B6
about 001B54AABB13
phone {MAC} model 7942 lines 1001
0:00 leases 10.0.7.60
0:05 asks CTLSEP{MAC}.tlv -> not-found
0:05 asks ITLSEP{MAC}.tlv -> not-found
0:05 asks ITLFile.tlv -> not-found
0:06 gets sep{MAC}.CNF.XML
0:07 asks /mk-sip.jar -> not-found
0:07 asks /g3-tones.xml -> not-found
0:08 gets DialPlan.xml
0:10 registers 1001 agent Cisco-CP7942G/9.4.2
9:00 waits
finds nothing
