title A 7960 asks for an address again and again, and nothing answers it
answers A1
about 0012DAAD390A
phone {MAC} model 7960 lines 1001
0:00 discovers
fault: 0:04 discovers
fault: 0:12 discovers
fault: 0:28 discovers
fault: 1:00 discovers
sound: 0:04 takes 10.0.7.60
sound: 0:10 asks CTLSEP{MAC}.tlv -> not-found
sound: 0:10 gets SIP{MAC}.cnf
sound: 0:11 gets RINGLIST.DAT
sound: 0:13 registers 1001 agent Cisco-CP7960G/8.0
1:30 waits
finds no-address
