"""Mailbox providers: nobody sends customer mail as one of their domains, and nobody can repair their record."""

from __future__ import annotations

PROVIDERS = frozenset(
    """
    aim.com alice.it aliyun.com aol.com arcor.de att.net bell.net bellsouth.net bigpond.com bluewin.ch bol.com.br
    btinternet.com charter.net comcast.net cox.net daum.net earthlink.net email.com fastmail.com fastmail.fm foxmail.com
    free.fr freenet.de frontier.com gmail.com gmx.at gmx.ch gmx.com gmx.de gmx.net googlemail.com hanmail.net hey.com
    hotmail.be hotmail.co.uk hotmail.com hotmail.de hotmail.es hotmail.fr hotmail.it hushmail.com icloud.com inbox.lv
    inbox.ru interia.pl juno.com kakao.com kpnmail.nl laposte.net libero.it list.ru live.be live.ca live.co.uk live.com
    live.de live.fr live.it live.nl mac.com mail.com mail.de mail.ru mailbox.org me.com msn.com naver.com neuf.fr
    ntlworld.com o2.pl online.de onet.pl optonline.net orange.fr outlook.at outlook.be outlook.com outlook.de outlook.es
    outlook.fr outlook.it passport.com pm.me posteo.de proton.me protonmail.ch protonmail.com qq.com rambler.ru
    rediffmail.com rocketmail.com rogers.com sapo.pt sbcglobal.net seznam.cz sfr.fr shaw.ca sina.com sky.com sohu.com
    skynet.be sympatico.ca t-online.de talktalk.net telenet.be telus.net terra.com.br tiscali.it tuta.com tuta.io
    tutanota.com ukr.net uol.com.br verizon.net virgilio.it virgin.net virginmedia.com wanadoo.fr web.de windowslive.com
    wp.pl xs4all.nl xtra.co.nz yahoo.ca yahoo.co.in yahoo.co.jp yahoo.co.uk yahoo.com yahoo.com.ar yahoo.com.au
    yahoo.com.br yahoo.com.mx yahoo.de yahoo.es yahoo.fr yahoo.in yahoo.it yandex.com yandex.ru yeah.net ymail.com
    zoho.com ziggo.nl 126.com 139.com 163.com 189.cn
    """.split()  # noqa: SIM905 - a list of words is read as words
)
